/// What the clients of a selection answered.
public struct Answers: Sendable {
    /// How many were asked.
    public let expected: Int
    public let received: [Answer]

    /// False: the time ran out, and ``received`` are those that came.
    public let isComplete: Bool

    init(_ raw: jf_answers) {
        expected = Int(raw.expected)
        received = UnsafeBufferPointer(start: raw.items, count: Int(raw.count)).map { Answer($0) }
        isComplete = raw.status == JF_OK
    }
}
