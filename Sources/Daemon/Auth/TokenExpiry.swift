import EngineIO
import Identity
import RawJSON
import SocketIO
import Support

/// Closes sockets whose token has expired, after a notice, and handles `auth:refresh`. One for each loop. [loop]
///
/// A socket has at most one timer, and only while its token can expire. What to do is decided when the timer fires, by
/// the socket's expiry at that time. A refreshed token therefore needs a new timer only if it expires earlier.
///
/// `@unchecked Sendable`: `shard` is read and written only on the loop; everything else is immutable.
final class TokenExpiry: TimerTarget, @unchecked Sendable {
    /// Time from the notice to the expiry, in ms: long enough for an app to fetch a token, and short compared with the
    /// lifetime of tokens.
    static let notice: Int64 = 60_000

    /// Maximum wait of a timer, in ms. A change of the system clock has its effect within this time.
    static let longestWait: Int64 = 10 * 60_000

    /// Maximum bytes of the argument of `auth:refresh`.
    private static let longestArgument = 16_384

    private let authenticator: TokenAuthenticator
    private let refusalLog: RefusalLog
    /// The shard of this loop. Set when the first timer is scheduled.
    private unowned var shard: Shard?

    init(authenticator: TokenAuthenticator, refusalLog: RefusalLog) {
        self.authenticator = authenticator
        self.refusalLog = refusalLog
    }

    /// Schedules the notice for a socket whose token can expire.
    func watch(_ socket: NamespaceSocket) {
        guard let expiry = socket.expiresAt else { return }
        schedule(expiry - Self.notice, socket)
    }

    /// Cancels the timer of a socket that has disconnected.
    func disconnected(_ socket: NamespaceSocket) {
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
            // The timer fires once for the notice and once for the end. If the clock is set back, the notice is sent
            // twice, which is harmless.
            if now < expiry {
                socket.emit(
                    "auth:expiring", .object([.init("expires_at", .string(RFC3339.text(milliseconds: expiry)))]))
            }
            schedule(expiry + authenticator.leeway, socket)
        } else {
            // The transport is closed without a DISCONNECT packet: after that packet a client does not reconnect. After
            // a closed transport it reconnects, and asks its app for a token.
            socket.closeConnection()
        }
    }

    /// Handles `auth:refresh` with the new token as its argument, or as the member `token` of an object.
    func refresh(_ event: borrowing IncomingEvent, from socket: NamespaceSocket) {
        // An argument longer than any acceptable token is not parsed.
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
            let expiresEarlier = identity.expiresAt.map { $0 < socket.expiresAt ?? .max } ?? false
            socket.claims = identity.claims
            socket.expiresAt = identity.expiresAt
            if expiresEarlier { watch(socket) }
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
