extension Shard {
    /// Looks for the session that a client wants back, then lets the attempt go its way.
    func recover(_ attempt: ConnectAttempt, _ request: RecoveryRequest, from recovery: RecoveryStore) {
        switch recovery.claim(request, namespace: attempt.namespace, now: timers.now) {
        case .restored(let session):
            attempt.session = session
            proceed(attempt)
        case .unknown:
            proceed(attempt)
        case .live(let handle) where handle.shardIndex == index:
            endHalfOpen(handle)
            claimAgain(attempt, request, from: recovery)
        case .live(let handle):
            guard let hop = recovery.hop else { return proceed(attempt) }
            lastSuspension += 1
            let suspension = lastSuspension
            suspended[suspension] = attempt
            let here = index
            hop(handle.shardIndex) { other in
                other.endHalfOpen(handle)
                hop(here) { shard in
                    guard let attempt = shard.suspended.removeValue(forKey: suspension), attempt.isPending else { return }
                    shard.claimAgain(attempt, request, from: recovery)
                }
            }
        }
    }

    /// The half-open connection is closed now, so the session is there, or was lost in between.
    private func claimAgain(_ attempt: ConnectAttempt, _ request: RecoveryRequest, from recovery: RecoveryStore) {
        if case .restored(let session) = recovery.claim(request, namespace: attempt.namespace, now: timers.now) {
            attempt.session = session
        }
        proceed(attempt)
    }

    /// The client is on a new connection: nothing that the old one's sockets were sent from now on would arrive.
    private func endHalfOpen(_ handle: SocketHandle) {
        socket(handle)?.client.shut(.transportClose)
    }

    private func proceed(_ attempt: ConnectAttempt) {
        guard let recovery = options.recovery, recovery.options.skipMiddlewares, let session = attempt.session?.session,
            // Whose claims have ended does not come back without showing new ones. The connection is as new as the wish.
            session.expiresAt.map({ $0 > attempt.opening.issued }) ?? true
        else { return application.connect(attempt) }
        attempt.accept(user: session.user, claims: session.claims, expiresAt: session.expiresAt)
    }

    /// The attempt came to nothing: lets go of what it held.
    func abandon(_ attempt: ConnectAttempt) {
        giveBack(attempt)
        cleanUp(attempt.scope)
    }

    /// Returns what an attempt claimed and does not use.
    func giveBack(_ attempt: ConnectAttempt) {
        guard let session = attempt.session else { return }
        options.recovery?.giveBack(session.session)
        attempt.session = nil
    }

    /// The socket's part in recovery begins.
    func issueTicket(to socket: Socket, _ recovered: RecoveredSession?, from recovery: RecoveryStore) {
        let privateID = recovered?.session.privateID ?? .random(using: &randomBits)
        let place = recovery.begin(privateID, handle: socket.handle, namespace: socket.namespace.name)
        socket.ticket = RecoveryTicket(
            privateID: privateID, isRecovered: recovered != nil, restoredThrough: recovered?.through ?? 0,
            start: recovered?.session.start ?? place, handles: (recovered?.session.handles.suffix(15) ?? []) + [socket.handle])
        guard let recovered else { return }
        restoredThrough = max(restoredThrough, recovered.through)
        statistics.recovered += 1
    }

    /// What is kept of a socket that is about to go.
    func recoverySession(of socket: Socket, _ ticket: RecoveryTicket) -> RecoverySession {
        RecoverySession(
            privateID: ticket.privateID, socketID: socket.socketID, namespace: socket.namespace.name, rooms: socket.rooms,
            user: socket.user, claims: socket.claims, expiresAt: socket.expiresAt, data: socket.data, start: ticket.start,
            handles: ticket.handles, disconnectedAt: timers.now)
    }
}
