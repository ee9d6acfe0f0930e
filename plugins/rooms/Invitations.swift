import JackfieldPlugin
import Support

/// Stores invitations as notifications, through the service `notifications/1` of whichever plugin provides it now.
///
/// Rooms need no such plugin: while there is none, invitations are only emitted. The two may be loaded in either order.
///
/// Its methods run on the strand.
final class Invitations {
    private struct Notifications: Sendable {
        let create: ServiceMethod<String, String, String, String?, JSON?, Created>
    }

    /// The result of `create`.
    private struct Created: SignatureValue {
        let id: String
        let delivered: Bool
    }

    /// How long an invitation waits to be stored, in milliseconds. The client waits for its ack meanwhile.
    private static let timeout: UInt32 = 5_000

    /// Invitations of one user in a minute: they are stored for other users, who did not ask for them.
    static let mostPerMinute = 30

    /// How many invitations each user has sent in ``minute``.
    private var sent: [ByteString: Int] = [:]
    /// Of ``JackfieldHost/now``.
    private var minute: Int64 = 0

    private let io: JackfieldHost
    private let notifications: ServiceBinding<Notifications>

    init(_ io: JackfieldHost) throws {
        self.io = io
        notifications = try io.bind("notifications", version: 1, 0) {
            Notifications(create: $0.method("create", throwing: true))
        }
    }

    /// Counts an invitation. Throws 429 `rate_limited` if the sender has used up those of this minute.
    func count(by sender: ByteString) throws(Problem) {
        let now = io.now / 60_000
        if now != minute { (minute, sent) = (now, [:]) }
        guard sent[sender, default: 0] < Self.mostPerMinute else {
            throw Problem(429, "rate_limited", "you may send \(Self.mostPerMinute) invitations in a minute; wait")
        }
        sent[sender, default: 0] += 1
    }

    /// Notifies a user of an invitation.
    ///
    /// - Parameter completion: gets whether the notification is stored. Called once: on the strand, or before this
    ///   returns.
    func notify(
        _ user: String, of room: RoomRow, by sender: String, then completion: @escaping @Sendable (Bool) -> Void
    ) {
        var data = JSONObject(reserving: 96)
        data.set("room", room.id)
        data.set("by", sender)
        do {
            try notifications.create.timeout(Self.timeout).call(
                user, "room:invite", "You were invited to a room", "\(sender) invites you to \(room.name)", data.json
            ) { [io] result in
                switch result {
                case .success: completion(true)
                case .failure(let error):
                    io.log.warning("an invitation to room '\(room.id)' was emitted, but is not stored: \(error)")
                    completion(false)
                }
            }
        } catch {
            if error.code != JF_E_UNAVAILABLE {
                io.log.warning("an invitation to room '\(room.id)' was emitted, but is not stored: \(error)")
            }
            completion(false)
        }
    }
}
