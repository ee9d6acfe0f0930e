import Signatures
import Support
import Synchronization

/// The contracts of the events that a plugin declares to emit, by name. Any thread. Never released, as its plugin.
final class EmitContracts: Sendable {
    private final class Entry: Sendable {
        let name: ByteString
        let contract: Contract
        let violations = Atomic<UInt64>(0)

        init(_ declaration: EmitDescriptor) {
            name = declaration.name
            contract = Contract(declaration.signature)
        }
    }

    /// Sorted; ``entries`` has the same order.
    private let hashes: [UInt64]
    /// Unmanaged, because threads that emit at the same time must not contend for the reference count of an entry.
    private let entries: [Unmanaged<Entry>]

    /// - Parameter declarations: a name that is declared for several namespaces has the same signature in all of them.
    init(_ declarations: [EmitDescriptor]) {
        var names: Set<ByteString> = []
        let sorted = declarations.filter { names.insert($0.name).inserted }
            .map { (hash: $0.name.withBytes { EventTable.hash($0) }, entry: Entry($0)) }
            .sorted { $0.hash < $1.hash }
        hashes = sorted.map(\.hash)
        entries = sorted.map { .passRetained($0.entry) }
    }

    /// Checks and counts. An event that is not declared is not checked.
    func check(_ name: UnsafeRawBufferPointer, _ args: UnsafeRawBufferPointer, attachments: Int) -> ContractViolation? {
        let hash = EventTable.hash(name)
        var (lower, upper) = (0, hashes.count)
        while lower < upper {
            let middle = (lower + upper) / 2
            if hashes[middle] < hash { lower = middle + 1 } else { upper = middle }
        }
        while lower < hashes.count, hashes[lower] == hash {
            let entry = entries[lower]
            if entry._withUnsafeGuaranteedRef({ $0.name.utf8.elementsEqual(name) }) {
                return entry._withUnsafeGuaranteedRef { entry in
                    let violation = entry.contract.checkArguments(args, attachments: attachments, binary: .attachment)
                    if violation != nil { entry.violations.wrappingAdd(1, ordering: .relaxed) }
                    return violation
                }
            }
            lower += 1
        }
        return nil
    }

    /// How many violations there were of each declared event.
    var violations: [(event: String, count: UInt64)] {
        entries.map { $0.takeUnretainedValue() }.sorted { $0.name < $1.name }
            .map { ($0.name.text, $0.violations.load(ordering: .relaxed)) }
    }
}
