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
                let task = StrandTask(.presence, run: {
                    guard plugin.isCreated else { return }
                    let pack = TextPack([.text(edge.user.text)])
                    var raw = jf_presence_change.sized
                    raw.online = edge.isOnline ? 1 : 0
                    raw.user = pack[0]
                    raw.at = edge.at
                    withExtendedLifetime(pack) { call.function(plugin.instance, &raw) }
                })
                // A full queue loses changes, as it loses events: both are counted.
                if !plugin.strand.enqueue(task, bytes: edge.user.count), plugin.isInForce {
                    plugin.log.warning("a presence change of user '\(edge.user)' was lost: the queue is full")
                }
            }
        }
    }
}
