import CJackfield
import Support

/// `jf.presence/1`.
enum PresenceInterface {
    static var table: jf_presence_api {
        jf_presence_api(
            struct_size: UInt32(MemoryLayout<jf_presence_api>.size), revision: 1,
            is_online: { host, user in
                // No host, as nobody, is not online.
                max(0, Plugin.with(host) { plugin in
                    // What cannot be the id of a user is found nowhere; only its length costs something.
                    guard user.bytes.count <= UserID.longest || plugin.userID("is_online", user) != nil else { return 0 }
                    return plugin.host.presence.isOnline(user.byteString) ? 1 : 0
                })
            },
            connections: { host, user in
                guard let plugin = Plugin.from(host) else { return 0 }
                guard user.bytes.count <= UserID.longest || plugin.userID("connections", user) != nil else { return 0 }
                return UInt32(clamping: plugin.host.presence.connections(of: user.byteString))
            },
            online_count: { host in
                guard let plugin = Plugin.from(host) else { return 0 }
                return UInt64(clamping: plugin.host.presence.onlineCount)
            },
            watch: { host, user in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard plugin.isServed else { return JF_E_STATE }
                guard user.bytes.isEmpty || plugin.userID("watch", user) != nil else { return JF_E_INVALID }
                return plugin.watches.watch(user.byteString) ? JF_OK : JF_E_LIMIT
            },
            unwatch: { host, user in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard user.bytes.isEmpty || plugin.userID("unwatch", user) != nil else { return JF_E_INVALID }
                return plugin.watches.unwatch(user.byteString) ? JF_OK : JF_E_NOT_FOUND
            })
    }
}
