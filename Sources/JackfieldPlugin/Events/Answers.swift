/// What the clients of a target answered.
public struct Answers: Sendable {
    /// How many were asked.
    public let expected: Int
    public let received: [Answer]

    /// False: the time ran out, and ``received`` are those that came.
    public let isComplete: Bool

    init(_ raw: jf_answers) {
        expected = Int(raw.expected)
        received = (0..<Int(raw.items == nil ? 0 : raw.count)).map { index in
            Answer(UnsafeRawPointer(raw.items).advanced(by: index * Int(raw.stride)).assumingMemoryBound(to: jf_answer.self).pointee)
        }
        isComplete = raw.status == JF_OK
    }
}
