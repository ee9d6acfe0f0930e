extension BroadcastOperator {
    /// Sends an event to all of them and waits for their answers. When the time runs out, ``Answers/isComplete`` is false and
    /// those that came are there. It resumes on no particular thread.
    public func emitWithAck(_ name: String, _ arguments: any Encodable...) async throws -> Answers {
        let encoded = try EventArguments(arguments)
        return try await withCheckedThrowingContinuation { continuation in
            let context = CallbackBox<Answers> { _, _, answers in continuation.resume(returning: answers) }.retained()
            do {
                try withTarget { (target) throws(HostError) in
                    try host.withMessage(name, encoded, flags: flags) { (message) throws(HostError) in
                        try host.check(
                            host.events.broadcast_ack?(host.pointer, target, message, ackTimeout, Self.answered, context),
                            "events.broadcast_ack")
                    }
                }
            } catch {
                CallbackBox<Answers>.discard(context)
                continuation.resume(throwing: error)
            }
        }
    }

    private static let answered: jf_answers_fn = { instance, context, answers in
        guard let box = CallbackBox<Answers>.reclaim(context), let instance = Instance.of(instance), let answers else { return }
        box.body(instance.plugin, instance.host, Answers(answers.pointee))
    }
}
