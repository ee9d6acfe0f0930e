import EngineIO

/// A GET whose answer is written to memory.
final class MemoryPoll: PollOutput {
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    private(set) var answers = 0

    deinit { buffer.deallocate() }

    func opened(_ session: Session) {}

    func answer(count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        fill(UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
        answers += 1
    }

    func refuse(_ refusal: PollError) {
        fail("a benchmark's poll was refused: \(refusal)")
    }
}
