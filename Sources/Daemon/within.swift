
/// Waits for `body`, but no longer than `limit`; what takes longer goes on by itself.
func within(_ limit: Duration, _ body: @escaping @Sendable () async -> Void) async {
    let (ends, end) = AsyncStream.makeStream(of: Void.self)
    Task {
        await body()
        end.finish()
    }
    Task {
        try? await Task.sleep(for: limit)
        end.finish()
    }
    for await _ in ends {}
}
