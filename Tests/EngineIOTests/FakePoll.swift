@testable import EngineIO

/// A waiting GET that remembers its answer.
final class FakePoll: PollOutput {
    private(set) var payload: String?
    private(set) var refusal: PollError?
    private(set) var openedSession: SessionID?
    var wasAbandoned = false

    func opened(_ session: Session) { openedSession = session.id }

    func answer(count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeMutableBytes { fill($0) }
        precondition(payload == nil && refusal == nil, "a GET was answered twice")
        payload = String(decoding: bytes, as: UTF8.self)
    }

    func refuse(_ refusal: PollError) {
        precondition(payload == nil && self.refusal == nil, "a GET was answered twice")
        self.refusal = refusal
    }

    /// The packets of the answer.
    var packets: [String]? { payload?.split(separator: "\u{1E}", omittingEmptySubsequences: false).map(String.init) }
}
