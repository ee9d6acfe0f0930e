/// A callback of a plugin by name: what another thread reads to learn what a strand or a loop is running.
///
/// Objects of this class are never freed, so an address found in ``Strand`` or ``LoopContext`` can be read at any time: they belong to declarations of
/// plugins, which live as long as the process, or they are static.
final class Callback: Sendable {
    /// As a log line names it: `the handler of 'chat'`, `create`.
    let title: String

    init(_ title: String) {
        self.title = title
    }
}
