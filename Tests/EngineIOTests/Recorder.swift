@testable import EngineIO

/// A receiver that writes down what it gets, and may do something about it.
final class Recorder: SessionReceiver {
    private(set) var log: [String] = []
    var onText: (String) -> Void = { _ in }

    func received(text: UnsafeMutableRawBufferPointer) {
        let text = String(decoding: text, as: UTF8.self)
        log.append(text)
        onText(text)
    }

    func received(binary: UnsafeMutableRawBufferPointer) { log.append("binary \(Array(binary))") }

    func closed(_ reason: CloseReason) { log.append("closed: \(reason.rawValue)") }

    /// What happened since the last call.
    func drain() -> [String] {
        defer { log = [] }
        return log
    }
}
