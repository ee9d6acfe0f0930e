/// A callback of a plugin by name: what another thread reads to learn what a strand or a loop is running.
///
/// Objects of this class are never freed, so an address found in ``Strand`` or ``LoopContext`` can be read at any time: they belong to declarations of
/// plugins, which live as long as the process, or they are static.
final class Callback: Sendable {
    /// As a log line names it: `the handler of 'chat'`, `create`.
    let title: String
    /// Whether it is a step of the plugin's life, for which somebody waits.
    let isStep: Bool

    init(_ title: String, isStep: Bool = false) {
        self.title = title
        self.isStep = isStep
    }

    static let main = Callback("jf_plugin_main", isStep: true)
    static let create = Callback("create", isStep: true)
    static let start = Callback("start", isStep: true)
    static let stop = Callback("stop", isStep: true)
    static let destroy = Callback("destroy", isStep: true)
    static let ready = Callback("ready")
    static let presence = Callback("presence")
    static let admit = Callback("an admit hook")
    static let socketHook = Callback("a hook of a socket")
    static let posted = Callback("a posted function")
    static let timer = Callback("a timer")
    static let answer = Callback("the function that waits for an answer")
    static let fetched = Callback("the function that waits for sockets")
    static let other = Callback("a callback")
}
