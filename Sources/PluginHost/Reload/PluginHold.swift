import Support
import Synchronization

/// A plugin that is being reloaded: the loops hold what clients cause for it, until it is known which version gets it.
///
/// A ``DispatchSnapshot`` lists the holds. A loop that adopts a snapshot without a hold passes on what it has held.
final class PluginHold: Sendable {
    /// The running version. The limits of its queue bound what is held.
    let plugin: LoadedPlugin
    /// The version that is to replace it.
    let successor: LoadedPlugin
    /// Callbacks that were held, on all loops.
    let count = Atomic<Int>(0)
    private let receiver = Atomic<Bool>(false)

    init(_ plugin: LoadedPlugin, successor: LoadedPlugin) {
        self.plugin = plugin
        self.successor = successor
    }

    /// The version that gets what was held. Valid when the snapshot without this hold has been published.
    var winner: LoadedPlugin { receiver.load(ordering: .acquiring) ? successor : plugin }

    /// Decides for the new version; without it, the running version gets what was held.
    func chooseSuccessor() { receiver.store(true, ordering: .releasing) }

    func concerns(_ plugin: LoadedPlugin) -> Bool { plugin === self.plugin || plugin === successor }
}

/// What one loop holds for a plugin that is being reloaded, in the order in which clients caused it. [loop]
final class HeldCallbacks {
    enum Item {
        /// An ``EventRecord`` in memory of its own; for an observer, or for the handler of the event.
        case event(UnsafeMutableRawPointer, isObserved: Bool)
        /// Anything else: a hook, a request, a decision. The closure gets the version that won.
        case call(HeldCall)
    }

    /// A held callback that is no event.
    struct HeldCall {
        let bytes: Int
        /// Set if the sender was charged for it; see ``QueueBudget/Verdict/charged``.
        let chargedSender: Sender?
        let run: (LoadedPlugin) -> Void
    }

    let hold: PluginHold
    private(set) var items: [Item] = []

    init(_ hold: PluginHold) {
        self.hold = hold
    }

    /// Holds an event. The queue's budget was asked before.
    func append(_ record: UnsafeMutableRawPointer, isObserved: Bool) {
        items.append(.event(record, isObserved: isObserved))
        hold.count.wrappingAdd(1, ordering: .relaxed)
    }

    /// Holds a callback that a client causes.
    ///
    /// - Parameter promised: whether it is held even if the queue is full.
    /// - Returns: why it was refused; `nil` if it is held.
    func append(
        bytes: Int, of sender: Sender, promised: Bool = false, _ run: @escaping (LoadedPlugin) -> Void
    ) -> QueueBudget.Refusal? {
        var charged: Sender?
        if promised {
            hold.plugin.budget.reserveUnconditionally(bytes)
        } else {
            switch hold.plugin.budget.reserve(bytes, for: sender) {
            case .reserved: break
            case .charged: charged = sender
            case .refused(let refusal): return refusal
            }
        }
        items.append(.call(HeldCall(bytes: bytes, chargedSender: charged, run: run)))
        hold.count.wrappingAdd(1, ordering: .relaxed)
        return nil
    }

    /// Removes and returns everything that is held.
    func removeAll() -> [Item] {
        defer { items = [] }
        return items
    }

    /// Releases the budget of a held callback, which no longer waits here.
    func release(_ call: HeldCall) {
        if let sender = call.chargedSender {
            hold.plugin.budget.release(call.bytes, of: sender)
        } else {
            hold.plugin.budget.release(1, call.bytes)
        }
    }
}
