import Testing

@testable import Isolation

@Suite("WorkerOutput")
struct WorkerOutputTests {
    /// The lines of chunks that arrive at these seconds.
    private func lines(_ chunks: [(second: Int64, text: String)], finishes: Bool = false) -> [String] {
        var output = WorkerOutput()
        var lines: [String] = []
        for chunk in chunks {
            Array(chunk.text.utf8).withUnsafeBytes {
                output.append($0, now: chunk.second * 1_000_000_000) { lines.append($0) }
            }
        }
        if finishes { output.finish(now: 1_000_000_000_000) { lines.append($0) } }
        return lines
    }

    @Test("lines are found wherever the chunks of a pipe end")
    func chunks() {
        let text = "one\ntwo\r\n\nthree\n"
        for cut in 0...text.utf8.count {
            let parts = [(Int64(0), String(text.prefix(cut))), (Int64(0), String(text.dropFirst(cut)))]
            #expect(lines(parts) == ["one", "two", "", "three"])
        }
    }

    @Test("a line without an end is passed on at the end only")
    func lastLine() {
        #expect(lines([(0, "one\ntwo")]) == ["one"])
        #expect(lines([(0, "one\ntwo")], finishes: true) == ["one", "two"])
        #expect(lines([(0, "one\n")], finishes: true) == ["one"])
        #expect(lines([], finishes: true) == [])
    }

    @Test("a long line is cut, and its length is said")
    func longLine() {
        let exact = String(repeating: "x", count: WorkerOutput.longestLine)
        #expect(lines([(0, "\(exact)\n")]) == [exact])
        #expect(lines([(0, "\(exact)y\nz\n")]) == ["\(exact)… (cut; 4097 bytes)", "z"])
        let parts = Array(repeating: (second: Int64(0), text: exact), count: 1000) + [(0, "\nz\n")]
        #expect(lines(parts) == ["\(exact)… (cut; 4096000 bytes)", "z"])
    }

    @Test("lines beyond the limit of a second are left out and counted, in the next second or at the end")
    func rate() {
        let many = (0..<250).map { "\($0)\n" }.joined()
        let result = lines([(5, many), (6, "next\n"), (6, many)], finishes: true)
        #expect(result.prefix(100) == (0..<100).map { "\($0)" }[...])
        #expect(result[100...101] == ["150 lines were left out: more than 100 a second", "next"])
        #expect(result.last == "151 lines were left out: more than 100 a second")
        #expect(result.count == 100 + 1 + 100 + 1)
    }

    @Test("control characters and invalid UTF-8 do not reach the log")
    func controlCharacters() {
        #expect(lines([(0, "a\u{1b}[31m\u{7}\tb\u{7f}é\n")]) == ["a?[31m?\tb?é"])
        var output = WorkerOutput()
        var line = ""
        ([65, 0xff, 0xc3, 66, 10] as [UInt8]).withUnsafeBytes { output.append($0, now: 0) { line = $0 } }
        #expect(line == "A\u{fffd}\u{fffd}B")
    }
}
