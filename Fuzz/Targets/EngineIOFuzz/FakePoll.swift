import EngineIO
import FuzzSupport

/// A GET. Requires that it is answered exactly once, unless its connection closes before.
final class FakePoll: PollOutput {
    private unowned let peer: Peer
    private(set) var isOver = false

    init(_ peer: Peer) {
        self.peer = peer
    }

    func opened(_ session: Session) {}

    func answer(count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        require(!isOver, "a poll is answered once")
        isOver = true
        withExactCopy(of: [UInt8](repeating: 0, count: count)) { payload in
            fill(payload)
            peer.heard(payload: payload)
        }
    }

    func refuse(_ refusal: PollError) {
        require(!isOver, "a poll is answered once")
        isOver = true
    }

    func vanish() {
        isOver = true
    }
}
