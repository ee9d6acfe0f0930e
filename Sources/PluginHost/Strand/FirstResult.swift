import Synchronization

/// Passes on the first of several results, and no other. Any thread.
final class FirstResult<Value: Sendable>: Sendable {
    private let receiver: Mutex<(@Sendable (Value) -> Void)?>

    init(_ receiver: @escaping @Sendable (Value) -> Void) {
        self.receiver = Mutex(receiver)
    }

    /// Whether there was one.
    var isKnown: Bool { receiver.withLock { $0 == nil } }

    func complete(_ value: Value) {
        let receiver = receiver.withLock { receiver in
            defer { receiver = nil }
            return receiver
        }
        receiver?(value)
    }
}
