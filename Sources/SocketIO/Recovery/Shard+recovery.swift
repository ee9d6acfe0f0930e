import Support

extension Shard {
    /// Claims the session that a client asks for as `user`, if it exists and belongs to that user, then calls `proceed`
    /// on this loop. If another shard has the session's half-open connection, that shard closes it first.
    func recover(
        _ attempt: ConnectAttempt, _ request: RecoveryRequest, as user: ByteString?, then proceed: @escaping () -> Void
    ) {
        attempt.request = nil
        guard let recovery = options.recovery else { return proceed() }
        switch recovery.claim(request, namespace: attempt.namespace, user: user, now: timers.now) {
        case .restored(let session):
            attempt.session = session
            proceed()
        case .unknown:
            proceed()
        case .live(let handle) where handle.shardIndex == index:
            closeHalfOpen(handle)
            claimAgain(attempt, request, as: user, from: recovery)
            proceed()
        case .live(let handle):
            guard let hop = recovery.hop else { return proceed() }
            lastSuspension += 1
            let suspension = lastSuspension
            suspended[suspension] = (attempt, proceed)
            let here = index
            hop(handle.shardIndex) { other in
                other.closeHalfOpen(handle)
                hop(here) { shard in
                    guard let (attempt, proceed) = shard.suspended.removeValue(forKey: suspension),
                        attempt.client != nil
                    else { return }
                    shard.claimAgain(attempt, request, as: user, from: recovery)
                    proceed()
                }
            }
        }
    }

    /// Claims again after the half-open connection was closed. The session may have been dropped in between.
    private func claimAgain(
        _ attempt: ConnectAttempt, _ request: RecoveryRequest, as user: ByteString?, from recovery: RecoveryStore
    ) {
        if case .restored(let session) = recovery.claim(
            request, namespace: attempt.namespace, user: user, now: timers.now)
        {
            attempt.session = session
        }
    }

    /// Closes the client's old connection. The client has a new one, so nothing sent to the old one would arrive.
    private func closeHalfOpen(_ handle: SocketHandle) {
        socket(handle)?.client.shut(.transportClose)
    }

    /// Releases what an attempt held that did not lead to a socket.
    func abandon(_ attempt: ConnectAttempt) {
        unclaim(attempt)
        cleanUp(attempt.scope)
    }

    /// Returns the session of an attempt that does not use it.
    func unclaim(_ attempt: ConnectAttempt) {
        guard let session = attempt.session else { return }
        options.recovery?.unclaim(session.session)
        attempt.session = nil
    }

    /// Registers a new socket with recovery and creates its recovery state.
    func beginRecovery(of socket: NamespaceSocket, _ recovered: RecoveredSession?, from recovery: RecoveryStore) {
        let privateID = recovered?.session.privateID ?? .random(using: &randomBits)
        let place = recovery.begin(
            privateID, handle: socket.handle, namespace: socket.namespace.name, user: socket.user,
            alwaysRunsMiddlewares: socket.alwaysRunsMiddlewares)
        socket.socketRecovery = SocketRecovery(
            privateID: privateID, isRecovered: recovered != nil, restoredThrough: recovered?.through ?? 0,
            start: recovered?.session.start ?? place,
            handles: (recovered?.session.handles.suffix(15) ?? []) + [socket.handle])
        guard let recovered else { return }
        restoredThrough = max(restoredThrough, recovered.through)
        statistics.recovered += 1
    }

    /// The session to keep of a socket that is about to disconnect.
    func recoverySession(of socket: NamespaceSocket, _ socketRecovery: SocketRecovery) -> RecoverySession {
        RecoverySession(
            privateID: socketRecovery.privateID, socketID: socket.socketID, namespace: socket.namespace.name,
            rooms: socket.rooms,
            user: socket.user, alwaysRunsMiddlewares: socket.alwaysRunsMiddlewares, data: socket.data,
            start: socketRecovery.start,
            handles: socketRecovery.handles, disconnectedAt: timers.now)
    }
}
