import EngineIO
import Identity
import RawJSON
import SocketIO
import Support

/// Ends sockets whose token has ended, after having told them, and lets them bring a new one. One for each loop. [loop]
///
/// A socket has at most one timer, while its token can expire. What is due is decided when it fires, from what the
/// socket says then, so that a refreshed token moves it only if it ends earlier.
///
/// `@unchecked Sendable`: `shard` is read and written on the loop alone; everything else is immutable.
final class TokenExpiry: TimerTarget, @unchecked Sendable {
    /// How long ahead a client is told. Enough for an app to fetch a token, short beside any token's life.
    static let notice: Int64 = 60_000

    /// No timer waits longer: a system clock that was set is noticed within it.
    static let longestWait: Int64 = 10 * 60_000

    /// Longest argument of `auth:refresh` that is read, in bytes.
    private static let longestArgument = 16_384

    private let authenticator: TokenAuthenticator
    private let refusalLog: RefusalLog
    /// The shard of this loop. Set when the first timer is scheduled.
    private unowned var shard: Shard?

    init(authenticator: TokenAuthenticator, refusalLog: RefusalLog) {
        self.authenticator = authenticator
        self.refusalLog = refusalLog
    }

    /// A socket has joined with a token.
    func watch(_ socket: NamespaceSocket) {
        guard let expiry = socket.expiresAt else { return }
        schedule(expiry - Self.notice, socket)
    }

    /// The socket is gone.
    func left(_ socket: NamespaceSocket) {
        socket.shard.timers.cancel(socket.expiryTimer)
        socket.expiryTimer = .none
    }

    func timerFired(_ id: TimerID, tag: UInt64) {
        guard let socket = shard?.socket(tag) else { return }
        socket.expiryTimer = .none
        guard let expiry = socket.expiresAt else { return }
        let now = Clock.wallMilliseconds
        if now < expiry - Self.notice {
            schedule(expiry - Self.notice, socket)
        } else if now < expiry + authenticator.leeway {
            // Fires once for the notice, and again for the end; a clock set back makes it tell
            // twice, which does no harm.
            if now < expiry {
                socket.emit(
                    "auth:expiring", .object([.init("expires_at", .string(RFC3339.text(milliseconds: expiry)))]))
            }
            schedule(expiry + authenticator.leeway, socket)
        } else {
            // Not DISCONNECT: a client that gets one stays away. It reconnects after a closed transport, and
            // asks its app for a token.
            socket.closeConnection()
        }
    }

    /// `auth:refresh`, with the new token as its argument, or as the member `token` of an object.
    func refresh(_ event: borrowing IncomingEvent, from socket: NamespaceSocket) {
        // What is longer than any token that is looked at need not be parsed.
        let arguments =
            event.args.count <= Self.longestArgument ? (try? JSONValue(parsing: event.args))?.array ?? [] : []
        let argument = arguments.first
        do {
            guard let token = argument?.string ?? argument?["token"]?.string else {
                throw TokenRefusal(.missing, "no token: emit auth:refresh with the new token as its argument")
            }
            let identity = try authenticator.identify(token: token.text, now: Clock.wallMilliseconds)
            guard identity.user == socket.user else {
                throw TokenRefusal(.claims, "the new token is another user's: connect anew to change users")
            }
            let mustHurry = identity.expiresAt.map { $0 < socket.expiresAt ?? .max } ?? false
            socket.claims = identity.claims
            socket.expiresAt = identity.expiresAt
            if mustHurry { watch(socket) }
            let expiry: JSONValue = identity.expiresAt.map { .string(RFC3339.text(milliseconds: $0)) } ?? .null
            event.answer(.object([.init("ok", true), .init("expires_at", expiry)]), to: socket)
        } catch let refusal as TokenRefusal {
            refusalLog.record(
                RefusalRecord(
                    .event, reason: refusal.code.rawValue, detail: refusal.message,
                    address: socket.handshakeRequest.remoteAddress))
            event.answer(.failure(code: refusal.code.rawValue, message: refusal.message), to: socket)
        } catch {
            event.answer(.failure(code: "internal", message: "\(error)"), to: socket)
        }
    }

    private func schedule(_ time: Int64, _ socket: NamespaceSocket) {
        let shard = socket.shard
        self.shard = shard
        shard.timers.cancel(socket.expiryTimer)
        let wait = min(max(0, time - Clock.wallMilliseconds), Self.longestWait)
        socket.expiryTimer = shard.timers.schedule(at: shard.timers.now + wait, for: self, tag: socket.handle)
    }
}
