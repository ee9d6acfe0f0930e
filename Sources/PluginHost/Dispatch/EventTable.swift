import CCrashReport
import CJackfield
import Glibc
import Signatures
import SocketIO
import Support

/// Maps an event's name to its route: open addressing over the bytes of the name, at most half full. Immutable.
///
/// All names come from plugins, so clients cannot cause collisions; names that a client sends are only compared.
final class EventTable {
    private struct Entry {
        var hash: UInt64
        var name: UnsafeMutableRawBufferPointer
        var found: Found
    }

    /// The route of an event, with all that an inline call needs. Copying it counts no reference; it is valid as long
    /// as the table.
    struct Found {
        /// Set for an inline handler; ``route`` is not needed then.
        var inline: InlineTarget?
        var route: Unmanaged<EventRoute>
    }

    private let entries: UnsafeMutablePointer<Entry?>
    private let capacity: Int
    let count: Int

    /// If two routes have the same name, the first is used.
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
            entries[place] = Entry(hash: hash, name: bytes, found: Self.found(route))
            count += 1
        }
        self.count = count
    }

    /// A route with a contract is found as one that is not inline, so that an inline call need not look for a contract.
    private static func found(_ route: EventRoute) -> Found {
        guard let contract = route.contract else {
            return Found(inline: route.inlineTarget, route: .passRetained(route))
        }
        return Found(inline: nil, route: .passRetained(EventRoute(checking: route, contract)))
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

/// The route of an event: a handler of a plugin, or a function of the daemon.
///
/// `@unchecked Sendable`: immutable; the C function pointer and the plugin's context are addresses that the host only
/// passes back.
final class EventRoute: @unchecked Sendable {
    enum Target {
        case plugin(LoadedPlugin, jf_event_fn)
        case builtin(Host.BuiltinHandler)
        /// In an ``EventTable`` only: the arguments are checked before the event goes to the route within.
        case checked(CheckedRoute)
        /// In an ``EventTable`` only: the plugin of the route within is being reloaded, and the loop holds the event.
        case held(EventRoute)
    }

    let target: Target
    let context: UnsafeMutableRawPointer?
    let run: RunMode
    /// UTF-8 of the JSON pointer for `JF_RUN_BY_KEY`; else empty.
    let key: [UInt8]
    /// Namespace (name or pattern) and event name as declared, to find conflicting claims.
    let namespace: ByteString
    let name: ByteString
    let observes: Bool
    let callback: Callback
    /// That of ``callback``, which is read for each event.
    let mark: UnsafeMutablePointer<jf_crash_callback>
    /// Set if the handler runs inline.
    let meter: InlineMeter?
    /// What arguments must be; nil: any.
    let contract: Contract?
    /// Most bytes of the arguments with their attachments.
    let largest: Int

    init(_ declaration: EventDescriptor, of plugin: LoadedPlugin) {
        target = .plugin(plugin, declaration.handler)
        context = declaration.context
        run = declaration.run
        if case .byKey(let pointer) = declaration.run { key = Array(pointer.utf8) } else { key = [] }
        namespace = declaration.namespace
        name = declaration.name
        observes = declaration.observes
        callback = Callback("the \(declaration.run == .inline ? "inline " : "")handler of \(declaration.title)")
        mark = callback.mark
        meter = declaration.run == .inline ? InlineMeter(callback, of: plugin) : nil
        contract = declaration.contract
        largest = declaration.isFunction && declaration.run == .inline ? BoundFunction.largestInline : .max
    }

    /// The values for a call on the loop; `nil` if the handler does not run inline.
    var inlineTarget: InlineTarget? {
        guard case .plugin(let plugin, let handler) = target, let meter else { return nil }
        return InlineTarget(
            handler: handler, context: context, instance: plugin.instance, plugin: UnsafeRawPointer(plugin.handle),
            mark: meter.mark, counters: meter.line(0))
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
        mark = callback.mark
        meter = nil
        contract = nil
        largest = .max
    }

    /// The entry of a table for `route` while its plugin is being reloaded.
    init(holding route: EventRoute) {
        target = .held(route)
        context = nil
        run = route.run
        key = []
        namespace = route.namespace
        name = route.name
        observes = route.observes
        callback = route.callback
        mark = route.mark
        meter = nil
        // Checked when the event is passed on.
        contract = nil
        largest = .max
    }

    /// The entry of a table for `route`.
    fileprivate init(checking route: EventRoute, _ contract: Contract) {
        target = .checked(CheckedRoute(route, contract))
        context = route.context
        run = route.run
        key = route.key
        namespace = route.namespace
        name = route.name
        observes = false
        callback = route.callback
        mark = callback.mark
        meter = nil
        self.contract = contract
        largest = route.largest
    }
}

/// A plugin's route whose contract is checked first. It belongs to one ``EventTable``, so other loops do not count
/// references of it; what it points to is owned by the plugin, which is never freed.
final class CheckedRoute {
    let route: Unmanaged<EventRoute>
    let contract: Unmanaged<Contract>
    /// Set if the handler runs inline.
    let inline: InlineTarget?
    /// Most bytes of the arguments with their attachments.
    let largest: Int

    init(_ route: EventRoute, _ contract: Contract) {
        self.route = .passUnretained(route)
        self.contract = .passUnretained(contract)
        inline = route.inlineTarget
        largest = route.largest
    }

    /// Why arguments break the contract; `nil` if they keep to it.
    ///
    /// - Parameter attachments: the number of bytes of each.
    func problem(with args: UnsafeRawBufferPointer, _ attachments: [Int]) -> String? {
        let bytes = attachments.reduce(args.count, +)
        guard bytes <= largest else { return BoundFunction.problem(ofInlineArguments: bytes) }
        return contract._withUnsafeGuaranteedRef {
            $0.checkArguments(args, attachments: attachments.count, binary: .attachment)?.description
        }
    }
}

/// The values that a call of an inline handler needs, as plain addresses: delivering an event must not change a
/// reference count that two loops share.
///
/// Everything it points to lives as long as the plugin, which is never freed.
struct InlineTarget {
    let handler: jf_event_fn
    let context: UnsafeMutableRawPointer?
    let instance: UnsafeMutableRawPointer?
    /// A ``LoadedPlugin``.
    let plugin: UnsafeRawPointer
    /// Names the callback while it runs, and leads to its ``InlineMeter``.
    let mark: UnsafeMutablePointer<jf_crash_callback>
    /// The counters of loop 0; those of the other loops follow.
    let counters: UnsafeMutablePointer<InlineCounters>
}
