import CJackfield
import SocketIO
import Support
import Synchronization

/// One `fetch` on its way: gathers what the loops find and calls the plugin back exactly once.
final class FetchCall: Sendable {
    struct Found: Sendable {
        let info: SocketInfo
        let rooms: [ByteString]?
    }

    private struct State {
        var loops: Int
        /// By loop, so that the result does not depend on which of them was quicker.
        var found: [Int: [Found]] = [:]
        var isCut = false
    }

    private let call: PluginCall<jf_fetched_fn>
    private let plugin: Plugin
    private let parts: UInt32
    private let number: UInt64
    private let state: Mutex<State>

    /// `nil` beyond the limit of ``PendingCalls``.
    init?(_ call: PluginCall<jf_fetched_fn>, of plugin: Plugin, parts: UInt32, loops: Int) {
        self.call = call
        self.plugin = plugin
        self.parts = parts
        state = Mutex(State(loops: loops))
        let abort = { @Sendable in Self.make(call, of: plugin, status: JF_E_GONE, [], parts: parts) }
        guard let number = plugin.pending.add(abort) else { return nil }
        self.number = number
    }

    /// The call was never promised after all.
    func forget() { _ = plugin.pending.take(number) }

    /// What one loop has. [loop]
    func loopFound(_ found: [Found], loop: Int, isCut: Bool) {
        let result = state.withLock { state -> (found: [Found], isCut: Bool)? in
            state.loops -= 1
            state.found[loop] = found
            state.isCut = state.isCut || isCut
            guard state.loops == 0 else { return nil }
            return (state.found.sorted { $0.key < $1.key }.flatMap(\.value), state.isCut)
        }
        guard let result, plugin.pending.take(number) else { return }
        let all = result.found.prefix(SocketsInterface.largestFetch)
        let status = result.isCut || all.count < result.found.count ? JF_E_LIMIT : JF_OK
        let (call, plugin, parts) = (call, plugin, parts)
        let task = StrandTask(run: { Self.make(call, of: plugin, status: status, Array(all), parts: parts) })
        _ = plugin.strand.enqueue(task, bytes: all.count * MemoryLayout<Found>.stride, promised: true)
    }

    /// On the strand, which also writes the JSON: the loops have better things to do.
    private static func make(_ call: PluginCall<jf_fetched_fn>, of plugin: Plugin, status: Int32, _ found: [Found], parts: UInt32) {
        var json = JSONBuilder()
        json.beginArray()
        if parts == 0 {
            for _ in found { json.raw(Array("{}".utf8)) }
        } else {
            for item in found { json.socket(item.info, parts: parts, rooms: item.rooms) }
        }
        json.endArray()
        let handles = found.map(\.info.handle)
        json.bytes.withUnsafeBytes { text in
            handles.withUnsafeBufferPointer { handles in
                var raw = jf_fetched(
                    struct_size: UInt32(MemoryLayout<jf_fetched>.size), status: status, sockets: handles.isEmpty ? nil : handles.baseAddress,
                    count: UInt64(handles.count), json: jf_text(text))
                call.function(plugin.instance, call.context, &raw)
            }
        }
    }
}
