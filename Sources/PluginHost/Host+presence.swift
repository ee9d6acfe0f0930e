import CJackfield
import Presence

extension Host {
    /// Tells the plugins that watch these users. Any thread; changes of one caller arrive in order.
    public func presenceChanged(_ changes: [PresenceChange]) {
        let plugins = registry.withLock { $0.snapshot.plugins }
        for plugin in plugins {
            guard let function = plugin.descriptor.presence else { continue }
            let call = PluginCall(function: function, context: nil)
            for change in changes where plugin.watches.contains(change.user) {
                let task = StrandTask(.presence, run: {
                    guard plugin.isCreated else { return }
                    let pack = TextPack([.text(change.user.text)])
                    var raw = jf_presence_change.sized
                    raw.online = change.isOnline ? 1 : 0
                    raw.user = pack[0]
                    raw.at = change.at
                    withExtendedLifetime(pack) { call.function(plugin.instance, &raw) }
                })
                // A full queue loses changes, as it loses events: both are counted.
                if !plugin.strand.enqueue(task, bytes: change.user.count), plugin.isInForce {
                    plugin.log.warning("a presence change of user '\(change.user)' was lost: the queue is full")
                }
            }
        }
    }
}
