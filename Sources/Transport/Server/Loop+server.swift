import EngineIO

extension Loop {
    /// [loop] Makes what `server` has here: the account of what is held for its clients, and the tables of its endpoints.
    func prepare(for server: ServerContext) {
        account = MemoryAccount(of: server.limits.budget)
        account.onExceeded = { [unowned self] in
            needsRelief = true
            scheduleTurnEnd()
        }
        tables = server.endpoints.map { endpoint in
            let table = SessionTable(options: endpoint.options, timers: wheel, loop: index, account: account)
            table.onDirty = { [unowned self] in scheduleTurnEnd() }
            table.onRemoved = { [limits = server.limits] handshakeRequest in limits.sessionEnded(from: handshakeRequest.remoteAddress) }
            return table
        }
    }
}
