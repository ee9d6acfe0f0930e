/// A repeating timer of the plugin.
final class TimerDeclaration {
    private let interval: Duration
    private let body: (any Plugin) throws -> Void

    init(interval: Duration, body: @escaping (any Plugin) throws -> Void) {
        self.interval = interval
        self.body = body
    }

    var declaration: jf_timer_decl {
        jf_timer_decl(handler: Self.handler, context: Unmanaged.passRetained(self).toOpaque(), interval: interval.milliseconds)
    }

    private static let handler: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Void = { instance, context in
        guard let context, let instance = Instance.of(instance) else { return }
        do {
            try Unmanaged<TimerDeclaration>.fromOpaque(context).takeUnretainedValue().body(instance.plugin)
        } catch {
            instance.host.log.error("timer: \(error)")
        }
    }
}
