/// The result of a method that comes later, once, from any thread. If it is released unanswered, the call fails with
/// `JF_E_FAILED`.
public final class ServiceReply<Output: Sendable>: Sendable {
    private let host: JackfieldHost
    private let token: jf_token
    private let shape: SignatureShape?

    /// Exchanges the token of a call. Throws ``HostError`` with `JF_E_LIMIT` if the plugin keeps 65,536 already.
    init(_ host: JackfieldHost, _ call: UnsafePointer<jf_call>, _ shape: SignatureShape?) throws(HostError) {
        self.host = host
        self.shape = shape
        var kept: jf_token = 0
        let code = host.tokens.keep?(host.pointer, call.pointee.reply, &kept)
        token = kept
        try host.check(code, "tokens.keep")
    }

    /// Completing a call that was completed has no effect: the host returns JF_E_GONE.
    deinit {
        if token != 0 { _ = complete(JF_E_FAILED, nil, "the plugin released the call without a result") }
    }

    /// Whether the caller still waits. Check it before long work. Any thread.
    public var isAwaited: Bool { host.isAwaited(token) }

    /// Fails the call. Returns false if the caller does not wait any more. An error that is neither a ``ServiceError``
    /// nor a ``Problem`` is logged, and the caller gets a general message. Any thread.
    @discardableResult
    public func fail(_ error: any Error) -> Bool {
        if ServiceError.isInternal(error) { host.log.error("a service's method: \(error)") }
        let told = ServiceError(telling: error)
        return complete(told.code, nil, told.message) == JF_OK
    }

    private func complete(_ code: Int32, _ value: jf_value?, _ message: String) -> Int32? {
        withText(message) { message in
            guard var value else { return host.services.complete?(host.pointer, token, code, nil, message) }
            return host.services.complete?(host.pointer, token, code, &value, message)
        }
    }
}

extension ServiceReply where Output: SignatureValue {
    /// Completes the call. Returns false if the caller does not wait any more. Throws an `EncodingError` if the value
    /// cannot be encoded, and ``HostError`` with `JF_E_LIMIT` if it has more than 64 MiB. Any thread.
    @discardableResult
    public func send(_ result: Output) throws -> Bool {
        guard let shape else { return false }
        var memory = ValueMemory()
        let value = try result.write(as: shape, to: &memory)
        return try withExtendedLifetime(memory) { try host.reached(complete(JF_OK, value, ""), "services.complete") }
    }
}

extension ServiceReply where Output == Void {
    /// Completes the call. Returns false if the caller does not wait any more. Any thread.
    @discardableResult
    public func send() throws -> Bool { try host.reached(complete(JF_OK, nil, ""), "services.complete") }
}
