extension BroadcastOperator {
    /// Finds the sockets, with their ids, users, data and rooms: at most 100,000. It resumes on no particular thread.
    public func fetchSockets() async throws -> [FetchedSocket] {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try fetch(CallbackBox { _, _, result in continuation.resume(with: result) })
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Finds the sockets; `body` gets them on the strand.
    public func fetchSockets<P: Plugin>(
        _ type: P.Type, _ body: @escaping @Sendable (P, Result<[FetchedSocket], any Error>) -> Void
    ) throws {
        try fetch(
            CallbackBox { plugin, _, result in
                if let plugin = plugin as? P { body(plugin, result) }
            })
    }

    private func fetch(_ box: CallbackBox<Result<[FetchedSocket], any Error>>) throws {
        let context = box.retained()
        do {
            try withTarget { (target) throws(HostError) in
                let parts = JF_PART_ID | JF_PART_USER | JF_PART_DATA | JF_PART_ROOMS | JF_PART_CONNECTION
                try host.check(host.socketTable.fetch?(host.pointer, target, parts, Self.fetched, context), "sockets.fetch")
            }
        } catch {
            CallbackBox<Result<[FetchedSocket], any Error>>.discard(context)
            throw error
        }
    }

    private static let fetched: jf_fetched_fn = { instance, context, fetched in
        guard let box = CallbackBox<Result<[FetchedSocket], any Error>>.reclaim(context), let instance = Instance.of(instance), let fetched
        else { return }
        box.body(instance.plugin, instance.host, .success(FetchedSocket.all(in: fetched.pointee, host: instance.host)))
    }
}
