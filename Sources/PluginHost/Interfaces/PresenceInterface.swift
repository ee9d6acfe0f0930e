import CJackfield
import Presence
import Support
import Synchronization

/// `jf.presence/1`.
enum PresenceInterface {
    static var table: jf_presence_api {
        jf_presence_api(
            struct_size: UInt32(MemoryLayout<jf_presence_api>.size), revision: 1,
            is_online: { host, user, online in
                online?.pointee = 0
                return LoadedPlugin.serve(host, "is_online") { (plugin) throws(HostCallError) in
                    guard let online else { throw .invalid("online is NULL") }
                    online.pointee = plugin.host.presence.isOnline(try PresenceInterface.user(user)) ? 1 : 0
                    return JF_OK
                }
            },
            connections: { host, user, count in
                count?.pointee = 0
                return LoadedPlugin.serve(host, "connections") { (plugin) throws(HostCallError) in
                    guard let count else { throw .invalid("count is NULL") }
                    count.pointee = UInt64(
                        clamping: plugin.host.presence.connections(of: try PresenceInterface.user(user)))
                    return JF_OK
                }
            },
            online_count: { host, count in
                count?.pointee = 0
                return LoadedPlugin.serve(host, "online_count") { (plugin) throws(HostCallError) in
                    guard let count else { throw .invalid("count is NULL") }
                    count.pointee = UInt64(clamping: plugin.host.presence.onlineCount)
                    return JF_OK
                }
            },
            watch: { host, user in
                LoadedPlugin.serve(host, "watch") { (plugin) throws(HostCallError) in
                    guard plugin.descriptor.presence != nil else {
                        throw .invalid("the descriptor has no function for it: set plugin->presence")
                    }
                    let user = user.len == 0 ? "" : try LoadedPlugin.user(user, "user")
                    return plugin.watches.watch(user) ? JF_OK : JF_E_LIMIT
                }
            },
            unwatch: { host, user in
                LoadedPlugin.serve(host, "unwatch") { (plugin) throws(HostCallError) in
                    plugin.watches.unwatch(user.len == 0 ? "" : try LoadedPlugin.user(user, "user"))
                    return JF_OK
                }
            })
    }

    /// Reads a user's id for a question. Its characters are not checked: an invalid id is never online.
    @inline(__always)
    private static func user(_ text: jf_text) throws(HostCallError) -> ByteString {
        let bytes = text.bytes
        guard bytes.count > 0, bytes.count <= UserID.longest else {
            throw .invalid("user \(UserID.problem(bytes) ?? "is none")")
        }
        return ByteString(decoding: bytes)
    }
}

/// Answers questions about who is online. Any thread; must not block.
public protocol PresenceSource: Sendable {
    func isOnline(_ user: ByteString) -> Bool
    /// The number of connections of the user now.
    func connections(of user: ByteString) -> Int
    /// The number of users online.
    var onlineCount: Int { get }
}

extension PresenceService: PresenceSource {}

/// The users whose presence changes one plugin watches. Any thread.
final class PluginPresenceWatches: Sendable {
    private struct State {
        var users: Set<ByteString> = []
        var bytes = 0
        var everybody = false
        var refused: UInt64 = 0
    }

    let limit: Int
    /// Most bytes of all ids together.
    let byteLimit: Int
    private let state = Mutex(State())

    init(limit: Int, byteLimit: Int) {
        self.limit = limit
        self.byteLimit = byteLimit
    }

    /// Watches refused because of a limit, ever.
    var refused: UInt64 { state.withLock { $0.refused } }

    /// - Parameter user: empty for all users.
    /// - Returns: `false` if a limit is reached.
    func watch(_ user: ByteString) -> Bool {
        state.withLock { state in
            if user.isEmpty {
                state.everybody = true
            } else if !state.users.contains(user) {
                let bytes = state.bytes + user.utf8.count
                guard state.users.count < limit, bytes <= byteLimit else {
                    state.refused += 1
                    return false
                }
                state.users.insert(user)
                state.bytes = bytes
            }
            return true
        }
    }

    func unwatch(_ user: ByteString) {
        state.withLock { state in
            if user.isEmpty {
                state.everybody = false
            } else if state.users.remove(user) != nil {
                state.bytes -= user.utf8.count
            }
        }
    }

    /// Ends all watches.
    func removeAll() {
        state.withLock { state in
            state.users = []
            state.bytes = 0
            state.everybody = false
        }
    }

    func contains(_ user: ByteString) -> Bool { state.withLock { $0.everybody || $0.users.contains(user) } }
}
