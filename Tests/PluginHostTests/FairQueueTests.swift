import Testing

@testable import PluginHost

@Suite("The turns of a crowded strand")
struct FairQueueTests {
    /// A queue whose records are plain numbers.
    struct Queue {
        let queue = FairQueue()

        func append(_ value: UInt64, of sender: Sender?) {
            withUnsafeBytes(of: value) { queue.append($0.baseAddress!, size: 8, of: sender) }
        }

        func pop() -> UInt64? {
            queue.popFirst().map { record in
                defer { FairQueue.free(record) }
                return record.load(as: UInt64.self)
            }
        }

        func popAll() -> [UInt64] {
            var all: [UInt64] = []
            while let next = pop() { all.append(next) }
            return all
        }
    }

    private func sender(_ user: UInt64, _ socket: UInt64) -> Sender { Sender(user: user, socket: socket) }

    @Test("users take turns, however many records one of them has waiting, and each user's records stay in order")
    func users() {
        let queue = Queue()
        for value in 1...5 { queue.append(UInt64(value), of: sender(1, 10)) }
        queue.append(100, of: sender(2, 20))
        queue.append(200, of: sender(3, 30))
        queue.append(101, of: sender(2, 20))
        #expect(queue.popAll() == [1, 100, 200, 2, 101, 3, 4, 5])
        #expect(queue.queue.isEmpty)
    }

    @Test("the sockets of one user take turns within the turns of the user")
    func sockets() {
        let queue = Queue()
        for value in 1...4 { queue.append(UInt64(value), of: sender(1, 10)) }
        queue.append(50, of: sender(1, 11))
        queue.append(51, of: sender(1, 11))
        queue.append(100, of: sender(2, 20))
        queue.append(101, of: sender(2, 20))
        #expect(queue.popAll() == [1, 100, 50, 101, 2, 51, 3, 4])
    }

    @Test("a user who arrives later is served next but one, not after the flood")
    func latecomer() {
        let queue = Queue()
        for value in 1...1000 { queue.append(UInt64(value), of: sender(1, 10)) }
        #expect(queue.pop() == 1)
        queue.append(5000, of: sender(2, 20))
        #expect(queue.pop() == 2)
        #expect(queue.pop() == 5000)
    }

    @Test("the plugin's own records precede client records that arrived later, and get at least every second turn")
    func own() {
        let queue = Queue()
        for value in 1...3 { queue.append(UInt64(value), of: sender(1, 10)) }
        for value in 90...92 { queue.append(UInt64(value), of: nil) }
        for value in 4...6 { queue.append(UInt64(value), of: sender(1, 10)) }
        #expect(queue.popAll() == [1, 90, 2, 91, 3, 92, 4, 5, 6])
        queue.append(93, of: nil)
        queue.append(94, of: nil)
        queue.append(7, of: sender(1, 10))
        #expect(queue.popAll() == [93, 94, 7])
    }

    @Test("the time of the oldest record is known, in whatever order they leave")
    func oldest() {
        let queue = FairQueue()
        for value in 1...6 {
            withUnsafeBytes(of: UInt64(value)) {
                queue.append(
                    $0.baseAddress!, size: 8, of: value > 4 ? sender(2, 20) : sender(1, 10), since: Int64(value))
            }
        }
        var seen: [Int64?] = []
        while let record = queue.popFirst() {
            FairQueue.free(record)
            seen.append(queue.oldest)
        }
        // They leave as 1, 5, 2, 6, 3, 4.
        let expected: [Int64?] = [2, 2, 3, 3, 4, nil]
        #expect(seen == expected)
    }
}
