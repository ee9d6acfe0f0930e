extension Socket {
    /// Sends an event and waits for the client's answer. Throws ``HostError``: `JF_E_TIMEOUT` if none came in time, `JF_E_GONE` if the
    /// socket left first. It resumes on no particular thread; ``JackfieldHost/onStrand(_:_:)`` brings you back to your state.
    public func emitWithAck(_ name: String, _ arguments: any Encodable...) async throws -> Answer {
        let encoded = try EventArguments(arguments)
        return try await withCheckedThrowingContinuation { continuation in
            let box = CallbackBox<Result<Answer, HostError>> { _, _, result in continuation.resume(with: result) }
            do {
                try send(name, encoded, box)
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Sends an event; `answered` runs on the strand when the client has answered, or has not.
    public func emit<P: Plugin>(
        _ name: String, _ arguments: any Encodable..., answered type: P.Type,
        _ body: @escaping @Sendable (P, Result<Answer, HostError>) -> Void
    ) throws {
        try send(
            name, EventArguments(arguments),
            CallbackBox { plugin, _, result in
                if let plugin = plugin as? P { body(plugin, result) }
            })
    }

    private func send(_ name: String, _ arguments: EventArguments, _ box: CallbackBox<Result<Answer, HostError>>) throws {
        let context = box.retained()
        do {
            try host.withMessage(name, arguments, flags: flags) { (message) throws(HostError) in
                try host.check(
                    host.events.emit_ack?(host.pointer, handle, message, ackTimeout, Self.answered, context), "events.emit_ack")
            }
        } catch {
            CallbackBox<Result<Answer, HostError>>.discard(context)
            throw error
        }
    }

    private static let answered: jf_answer_fn = { instance, context, answer in
        guard let box = CallbackBox<Result<Answer, HostError>>.reclaim(context), let instance = Instance.of(instance), let answer else { return }
        let host = instance.host
        let status = answer.pointee.status
        let result: Result<Answer, HostError> =
            status == JF_OK
            ? .success(Answer(answer.pointee))
            : .failure(HostError(code: status, call: "events.emit_ack", words: host.words(for: status)))
        box.body(instance.plugin, host, result)
    }
}
