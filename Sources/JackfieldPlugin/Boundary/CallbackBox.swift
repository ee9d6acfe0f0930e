/// A Swift closure as the `context` of a host call that promises to call back exactly once.
final class CallbackBox<Value> {
    let body: @Sendable (_ plugin: any Plugin, _ host: JackfieldHost, _ value: Value) -> Void

    init(_ body: @escaping @Sendable (any Plugin, JackfieldHost, Value) -> Void) {
        self.body = body
    }

    /// The pointer owns the box until ``reclaim(_:)``.
    func retained() -> UnsafeMutableRawPointer { Unmanaged.passRetained(self).toOpaque() }

    static func reclaim(_ context: UnsafeMutableRawPointer?) -> CallbackBox? {
        guard let context else { return nil }
        return Unmanaged<CallbackBox>.fromOpaque(context).takeRetainedValue()
    }

    /// The call was refused, so there will be no callback.
    static func discard(_ context: UnsafeMutableRawPointer) {
        Unmanaged<CallbackBox>.fromOpaque(context).release()
    }
}
