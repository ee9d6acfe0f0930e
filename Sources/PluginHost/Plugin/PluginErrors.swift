import Synchronization

/// Counts the errors with which one plugin has answered. Any thread.
final class PluginErrors: Sendable {
    /// What an error was the answer to.
    enum Kind: Int, CaseIterable {
        /// An event: `ack_error`, or a C function that failed.
        case event
        /// An HTTP request: a status of 400 or more, or no answer.
        case request
        /// A client that asked to join a namespace: the hook failed, or did not decide.
        case decision
        /// A call of another plugin: the method failed, or did not answer.
        case call

        /// The label in metrics.
        var title: String {
            switch self {
            case .event: "event"
            case .request: "request"
            case .decision: "decision"
            case .call: "call"
            }
        }
    }

    private let events = Atomic<UInt64>(0)
    private let requests = Atomic<UInt64>(0)
    private let decisions = Atomic<UInt64>(0)
    private let calls = Atomic<UInt64>(0)

    func count(_ kind: Kind) {
        switch kind {
        case .event: events.wrappingAdd(1, ordering: .relaxed)
        case .request: requests.wrappingAdd(1, ordering: .relaxed)
        case .decision: decisions.wrappingAdd(1, ordering: .relaxed)
        case .call: calls.wrappingAdd(1, ordering: .relaxed)
        }
    }

    subscript(_ kind: Kind) -> UInt64 {
        switch kind {
        case .event: events.load(ordering: .relaxed)
        case .request: requests.load(ordering: .relaxed)
        case .decision: decisions.load(ordering: .relaxed)
        case .call: calls.load(ordering: .relaxed)
        }
    }
}
