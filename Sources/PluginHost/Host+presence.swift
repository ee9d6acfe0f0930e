import CJackfield
import Presence

extension Host {
    /// Tells the plugins that watch these users. Any thread; edges of one caller arrive in order.
    public func presenceChanged(_ edges: [PresenceEdge]) {
        let plugins = registry.withLock { $0.snapshot.plugins }
        for plugin in plugins {
            guard let function = plugin.descriptor.presence else { continue }
            let call = PluginCall(function: function, context: nil)
            for edge in edges where plugin.watches.contains(edge.user) {
                let task = StrandTask(run: {
                    TextPack([.text(edge.user.text)]).withRaw { user in
                        var raw = jf_presence_edge(
                            struct_size: UInt32(MemoryLayout<jf_presence_edge>.size), online: edge.isOnline ? 1 : 0, user: user, at: edge.at)
                        call.function(plugin.instance, &raw)
                    }
                })
                // A full queue loses edges, as it loses events: both are counted.
                if !plugin.strand.enqueue(task, bytes: edge.user.count) {
                    plugin.log.warning("a presence edge of user '\(edge.user)' was lost: the queue is full")
                }
            }
        }
    }
}

extension TextPack {
    /// The first part, for a call.
    fileprivate func withRaw(_ body: (jf_text) -> Void) {
        withExtendedLifetime(self) { body(self[0]) }
    }
}
