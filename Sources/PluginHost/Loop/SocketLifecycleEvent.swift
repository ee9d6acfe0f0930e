import CJackfield
import SocketIO
import Support

/// What a plugin is told when a socket comes or goes.
final class SocketLifecycleEvent: Sendable {
    enum Moment: Sendable {
        case connected(isRecovered: Bool)
        case disconnecting(rooms: [ByteString])
        case disconnected
    }

    private let info: SocketInfo
    private let moment: Moment
    private let pack: TextPack

    private static let fixedParts = 5

    init(_ info: SocketInfo, _ moment: Moment, reason: DisconnectReason? = nil) {
        self.info = info
        self.moment = moment
        var parts: [TextPack.Part] = [.text(info.namespace.text), .text(info.id.text), .text(info.user?.text ?? ""), .text(reason?.rawValue ?? "")]
        if case .connected = moment { parts.append(.bytes(info.auth)) } else { parts.append(.text("")) }
        if case .disconnecting(let rooms) = moment { parts += rooms.map { .text($0.text) } }
        pack = TextPack(parts)
    }

    var bytes: Int { pack.count }

    /// What measures the hook for this moment, if it runs inline.
    func meter(of hook: NamespaceHook) -> InlineMeter? {
        switch moment {
        case .connected: hook.connectedMeter
        case .disconnecting: hook.disconnectingMeter
        case .disconnected: hook.disconnectedMeter
        }
    }

    /// Calls the hook that is for this moment, if the plugin has it.
    func call(_ hook: NamespaceHook) {
        let function: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_socket_event>?) -> Void)?
        var rooms: [jf_text] = []
        var recovered: Int32 = 0
        switch moment {
        case .connected(let isRecovered):
            function = hook.declaration.connected
            recovered = isRecovered ? 1 : 0
        case .disconnecting(let names):
            function = hook.declaration.disconnecting
            rooms = names.indices.map { pack[Self.fixedParts + $0] }
        case .disconnected:
            function = hook.declaration.disconnected
        }
        guard let function else { return }
        let data = hook.plugin.data(of: info.handle)
        rooms.withUnsafeBufferPointer { rooms in
            var event = jf_socket_event.sized
            event.room_count = UInt32(rooms.count)
            event.socket = info.handle
            event.connection = info.connection
            event.nsp = pack[0]
            event.id = pack[1]
            event.user = pack[2]
            event.reason = pack[3]
            event.auth = pack[4]
            event.rooms = rooms.isEmpty ? nil : rooms.baseAddress
            event.recovered = recovered
            event.transport = info.transport
            event.plugin_data = data?.pointer
            event.context = hook.declaration.context
            withExtendedLifetime(data) { function(hook.plugin.instance, &event) }
        }
        // See ``LoopContext/disconnected(_:reason:)``.
        if case .disconnected = moment, data != nil, hook.declaration.run.usesLanes { hook.plugin.data.remove(info.handle) }
    }

    /// Whether the hook listens at this moment.
    func isWanted(by hook: NamespaceHook) -> Bool {
        switch moment {
        case .connected: hook.declaration.connected != nil
        case .disconnecting: hook.declaration.disconnecting != nil
        case .disconnected: hook.declaration.disconnected != nil
        }
    }
}
