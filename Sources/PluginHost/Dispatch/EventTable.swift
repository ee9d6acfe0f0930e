import CJackfield
import Glibc
import SocketIO
import Support

/// From an event's name to its route: open addressing over the bytes of the name, at most half full. Immutable.
///
/// Names come from plugins, so nobody on the wire can make them collide; what a client sends is
/// only compared with them.
final class EventTable {
    private struct Entry {
        var hash: UInt64
        var name: UnsafeMutableRawBufferPointer
        var found: Found
    }

    /// Where an event goes. Plain: copying it counts no reference; it is good as long as the table.
    struct Found {
        /// Set for an inline handler, which is all that is needed then.
        var inline: InlineTarget?
        var route: Unmanaged<EventRoute>
    }

    private let entries: UnsafeMutablePointer<Entry?>
    private let capacity: Int
    let count: Int

    /// Of two routes with one name, the first counts.
    init(_ routes: [(name: ByteString, route: EventRoute)]) {
        var capacity = 8
        while capacity < routes.count * 2 { capacity *= 2 }
        self.capacity = capacity
        entries = .allocate(capacity: capacity)
        entries.initialize(repeating: nil, count: capacity)
        var count = 0
        for (name, route) in routes {
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: name.utf8.count, alignment: 1)
            bytes.copyBytes(from: name.utf8)
            let hash = Self.hash(UnsafeRawBufferPointer(bytes))
            var place = Int(truncatingIfNeeded: hash) & (capacity - 1)
            while let taken = entries[place],
                !Self.isEqual(UnsafeRawBufferPointer(taken.name), UnsafeRawBufferPointer(bytes))
            {
                place = (place + 1) & (capacity - 1)
            }
            guard entries[place] == nil else {
                bytes.deallocate()
                continue
            }
            entries[place] = Entry(
                hash: hash, name: bytes, found: Found(inline: route.inlineTarget, route: .passRetained(route)))
            count += 1
        }
        self.count = count
    }

    deinit {
        for place in 0..<capacity {
            guard let entry = entries[place] else { continue }
            entry.name.deallocate()
            entry.found.route.release()
        }
        entries.deallocate()
    }

    @inline(__always)
    func find(_ name: UnsafeRawBufferPointer) -> Found? {
        guard count > 0 else { return nil }
        let hash = Self.hash(name)
        var place = Int(truncatingIfNeeded: hash) & (capacity &- 1)
        while let entry = entries[place] {
            if entry.hash == hash, Self.isEqual(UnsafeRawBufferPointer(entry.name), name) { return entry.found }
            place = (place &+ 1) & (capacity &- 1)
        }
        return nil
    }

    @inline(__always)
    private static func isEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        guard a.count == b.count else { return false }
        guard let left = a.baseAddress, let right = b.baseAddress else { return a.count == 0 }
        return memcmp(left, right, a.count) == 0
    }

    /// FNV-1a, with the high bits folded down.
    @inline(__always)
    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash ^ hash &>> 32
    }
}

/// Where an event goes: a handler of a plugin, or a function of the daemon's.
///
/// `@unchecked Sendable`: immutable, but for the C function pointer and the plugin's context, which are addresses that
/// the host only hands back.
final class EventRoute: @unchecked Sendable {
    enum Target {
        case plugin(LoadedPlugin, jf_event_fn)
        case builtin(Host.BuiltinHandler)
    }

    let target: Target
    let context: UnsafeMutableRawPointer?
    let run: RunMode
    /// UTF-8 of the JSON pointer of `JF_RUN_BY_KEY`.
    let key: [UInt8]
    /// The declaration's words, to find who claims what.
    let namespace: ByteString
    let name: ByteString
    let observes: Bool
    let callback: Callback
    /// Of a handler that runs inline.
    let meter: InlineMeter?

    init(_ declaration: EventDescriptor, of plugin: LoadedPlugin) {
        target = .plugin(plugin, declaration.handler)
        context = declaration.context
        run = declaration.run
        if case .byKey(let pointer) = declaration.run { key = Array(pointer.utf8) } else { key = [] }
        namespace = declaration.namespace
        name = declaration.name
        observes = declaration.observes
        callback = Callback("the \(declaration.run == .inline ? "inline " : "")handler of \(declaration.title)")
        meter = declaration.run == .inline ? InlineMeter(callback, of: plugin) : nil
    }

    /// How to call it on the loop; `nil` if it does not run there.
    var inlineTarget: InlineTarget? {
        guard case .plugin(let plugin, let handler) = target, let meter else { return nil }
        return InlineTarget(
            handler: handler, context: context, instance: plugin.instance, plugin: UnsafeRawPointer(plugin.handle),
            meter: .passUnretained(meter),
            counters: meter.line(0))
    }

    init(builtin name: ByteString, namespace: ByteString, handler: @escaping Host.BuiltinHandler) {
        target = .builtin(handler)
        context = nil
        run = .inline
        key = []
        self.namespace = namespace
        self.name = name
        observes = false
        callback = .other
        meter = nil
    }
}

/// What it takes to call an inline handler, as plain addresses: the path of an event must not touch a reference
/// count that two loops share.
///
/// Everything it points to lives as long as the plugin, which is for ever.
struct InlineTarget {
    let handler: jf_event_fn
    let context: UnsafeMutableRawPointer?
    let instance: UnsafeMutableRawPointer?
    /// ``LoadedPlugin``.
    let plugin: UnsafeRawPointer
    /// ``InlineMeter``.
    let meter: Unmanaged<InlineMeter>
    /// Of loop 0; those of the other loops follow.
    let counters: UnsafeMutablePointer<InlineCounters>
}
