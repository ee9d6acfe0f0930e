import CJackfield

/// `jf.presence/1`.
enum PresenceInterface {
    static var table: jf_presence_api {
        jf_presence_api(
            struct_size: UInt32(MemoryLayout<jf_presence_api>.size), revision: 1,
            is_online: { host, user in
                guard let plugin = Plugin.from(host) else { return 0 }
                guard let user = plugin.userID("is_online", user) else { return 0 }
                return plugin.host.presence.isOnline(user) ? 1 : 0
            },
            connections: { host, user in
                guard let plugin = Plugin.from(host) else { return 0 }
                guard let user = plugin.userID("connections", user) else { return 0 }
                return UInt32(clamping: plugin.host.presence.connections(of: user))
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
