import Synchronization

/// Whether the store works, as far as is known. A change is reported once.
final class StoreHealth: Sendable {
    private let state = Mutex<StoreFailure?>(nil)
    private let path: String
    private let report: @Sendable (String) -> Void

    init(_ path: String, report: @escaping @Sendable (String) -> Void) {
        self.path = path
        self.report = report
    }

    /// nil: it works.
    var failure: StoreFailure? { state.withLock { $0 } }

    /// - Parameter failure: nil when something was committed.
    func record(_ failure: StoreFailure?) {
        let isChange = state.withLock { known in
            if known?.isFinal == true || known == failure { return false }
            known = failure
            return true
        }
        if isChange { report(failure.map(words) ?? "config.store '\(path)' works again") }
    }

    /// For the operator.
    func words(for failure: StoreFailure) -> String { "config.store '\(path)': \(failure.reason)" }
}
