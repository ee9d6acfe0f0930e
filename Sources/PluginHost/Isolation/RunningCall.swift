import CJackfield
import Support

/// A callback that the daemon has sent to a worker and that has not returned.
struct RunningCall: Sendable {
    /// What happens when the callback returns without completing or keeping its token.
    enum Body: Sendable {
        /// The handler of an event: an ack is then not sent.
        case event(ReplyToken)
        /// The handler of a route: the client gets 500.
        case request(ReplyToken, title: String)
        /// An `admit` hook: its result decides.
        case admit(ReplyToken, AdmitHookChain, stage: Int)
        /// A method: its result is the outcome.
        case method(ReplyToken, ServiceCall)
        /// A C function, for which a thread waits.
        case function(BlockingFuture<RemoteFunctionOutcome>)
        /// A callback that answers nobody.
        case other
    }

    let body: Body
    /// For log lines: `the handler of 'chat'`.
    let title: String
    /// The strand on which it runs in the worker: 0, or the number of a lane.
    let lane: Int
    /// When it was sent, on ``Clock/monotonicNanoseconds``.
    let since: Int64
    /// Of its payload, approximately.
    let bytes: Int
    /// Whether they are those of a result, which the plugin's ``ResultBudget`` counts instead of its queue.
    let isResult: Bool
    /// Keeps the pointer that the plugin attached to a socket until the callback that got it has returned.
    let data: PluginData?

    /// Bytes that it uses of the plugin's queue while it waits in the worker.
    var queueBytes: Int { isResult ? 0 : bytes }

    /// The text for a line: `the handler of 'chat' has been running for 1.2 s`.
    func text(at now: Int64) -> String {
        let tenths = max(0, now - since) / 100_000_000
        return "\(title) has been running for \(tenths / 10).\(tenths % 10) s"
    }
}

/// The outcome of a C function that ran in a worker.
struct RemoteFunctionOutcome: Sendable {
    let code: Int32
    /// As of `jf_function_call`.
    let status: Int32
    /// Its result; nil on failure.
    let value: ValueBlock?
}
