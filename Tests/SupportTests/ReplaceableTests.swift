import Support
import Synchronization
import Testing

@Suite("A replaceable object")
struct ReplaceableTests {
    private static let living = Atomic<Int>(0)

    private final class Pair: Sendable {
        let (one, other): (Int, Int)

        init(_ number: Int) {
            (one, other) = (number, number)
            ReplaceableTests.living.add(1, ordering: .relaxed)
        }

        deinit { ReplaceableTests.living.subtract(1, ordering: .relaxed) }
    }

    private final class Box: Sendable {
        let pair: Replaceable<Pair>
        init(_ pair: Pair) { self.pair = Replaceable(pair) }
    }

    @Test("readers see the old or the new object, whole, and none is left over")
    func replaced() async {
        do {
            let box = Box(Pair(0))
            await withTaskGroup { group in
                for _ in 0..<3 {
                    group.addTask {
                        var last = 0
                        while last < 1_000 {
                            let (one, other) = box.pair.withCurrent { ($0.one, $0.other) }
                            #expect(one == other && one >= last)
                            last = one
                            await Task.yield()
                        }
                    }
                }
                group.addTask {
                    // Kept until the readers have ended, as the owner of the object must.
                    var old: [Pair] = []
                    for number in 1...1_000 { old.append(box.pair.replace(by: Pair(number))) }
                    #expect(old.map(\.one) == Array(0..<1_000))
                    while box.pair.withCurrent({ $0.one }) < 1_000 { await Task.yield() }
                    try? await Task.sleep(for: .milliseconds(50))
                    withExtendedLifetime(old) {}
                }
            }
        }
        #expect(Self.living.load(ordering: .relaxed) == 0)
    }
}
