import EngineIO

extension Loop {
    /// [loop] Makes what `server` has here: the account of what is held for its clients, and the tables of its endpoints.
    func prepare(for server: ServerContext) {
        account = MemoryAccount(of: server.limits.budget)
        account.onExceeded = { [unowned self] in
            needsRelief = true
            scheduleTickEnd()
        }
        tables = server.endpoints.map { endpoint in
            let table = SessionTable(options: endpoint.options, timers: wheel, loop: index, account: account)
            table.onDirty = { [unowned self] in scheduleTickEnd() }
            table.onRemoved = { [limits = server.limits] handshakeRequest in limits.sessionEnded(from: handshakeRequest.remoteAddress) }
            return table
        }
    }
}
