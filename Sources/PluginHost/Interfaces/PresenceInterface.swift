import CJackfield
import Support

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
                    count.pointee = UInt64(clamping: plugin.host.presence.connections(of: try PresenceInterface.user(user)))
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
                    guard plugin.descriptor.presence != nil else { throw .invalid("the descriptor has no function for it: set plugin->presence") }
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

    /// A user to ask about. Its characters are not looked at: nobody of another form is ever online.
    @inline(__always)
    private static func user(_ text: jf_text) throws(HostCallError) -> ByteString {
        let bytes = text.bytes
        guard bytes.count > 0, bytes.count <= UserID.longest else { throw .invalid("user \(UserID.problem(bytes) ?? "is none")") }
        return ByteString(decoding: bytes)
    }
}
