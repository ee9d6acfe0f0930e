import EngineIO

/// Sends every message back with its own type.
final class EchoReceiver: SessionReceiver {
    private unowned let session: Session

    init(_ session: Session) {
        self.session = session
    }

    func received(text: UnsafeMutableRawBufferPointer) {
        session.send(textCount: text.count, compress: true) { $0.copyMemory(from: UnsafeRawBufferPointer(text)) }
    }

    func received(binary: UnsafeMutableRawBufferPointer) {
        session.send(binary: UnsafeRawBufferPointer(binary), compress: true)
    }

    func closed(_ reason: CloseReason) {}
}
