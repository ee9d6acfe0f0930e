import Support

/// A namespace pattern: a POSIX extended regular expression. Matching time is bounded by the sizes of pattern and name.
///
/// The C library's matcher is not used because its time and memory are unbounded: it resolves back-references by
/// backtracking (`^/(a*)(a*)(a*)\1\2\3b$` took more than 300 s for one name of 256 bytes), and caches every state that
/// any name has led to (87 MB, and pauses of 58 ms, for `^/.*a.{14}$`). Any client can send names. Here a name costs at
/// most ``PatternProgram/longest`` steps for each of its characters and no lasting memory, whatever the pattern.
///
/// Patterns match Unicode scalars, not bytes, so `.` matches one character of any script. Classes such as `[:alpha:]`
/// contain only ASCII, as in the C locale. Back-references, collating elements and GNU escapes (`\w`, `\<`) are
/// refused.
struct NamespacePattern: Sendable {
    private let program: PatternProgram

    /// - Throws: ``NamespaceTableError/malformedPattern(_:reason:)`` with the position and the reason.
    init(_ expression: ByteString) throws(NamespaceTableError) {
        do throws(PatternError) {
            var parser = PatternParser(expression)
            program = try PatternProgram(try parser.parse())
        } catch {
            throw .malformedPattern(expression, reason: error.reason)
        }
    }

    /// Whether the pattern matches anywhere in `name`; `^` and `$` match its beginning and end.
    func matches(_ name: ByteString) -> Bool {
        program.matches(name.text.unicodeScalars)
    }
}

/// What is wrong with a pattern, as text for its author.
struct PatternError: Error {
    let reason: String
}

/// A regular expression compiled to a nondeterministic automaton, run on all its states at once (Thompson 1968): the
/// text is read once, and each state is entered at most once per character.
struct PatternProgram: Sendable {
    /// The most instructions of a program. A name of 256 characters then takes at most about 250,000 steps, less than 1
    /// ms.
    static let longest = 1000

    private enum Instruction {
        /// Continue with the next instruction if the scalar is this one.
        case scalar(UInt32)
        case any
        /// Index into ``sets``.
        case set(Int)
        /// Continue with the next instruction, reading nothing, if this is the beginning of the text.
        case start
        case end
        case jump(Int)
        /// Continue with both instructions.
        case split(Int, Int)
        case match
    }

    private var instructions: [Instruction] = []
    private var sets: [PatternSet] = []

    /// - Throws: ``PatternError`` if the expression is too large once its repetitions are written out.
    init(_ node: PatternNode) throws(PatternError) {
        try compile(node)
        try append(.match)
    }

    // MARK: Making it

    private mutating func append(_ instruction: Instruction) throws(PatternError) {
        guard instructions.count < Self.longest else {
            throw PatternError(reason: "with its repetitions written out it has more than \(Self.longest) steps")
        }
        instructions.append(instruction)
    }

    private mutating func compile(_ node: PatternNode) throws(PatternError) {
        switch node {
        case .empty: break
        case .scalar(let scalar): try append(.scalar(scalar))
        case .any: try append(.any)
        case .start: try append(.start)
        case .end: try append(.end)
        case .set(let set):
            try append(.set(sets.count))
            sets.append(set)
        case .sequence(let nodes):
            for node in nodes { try compile(node) }
        case .alternatives(let nodes):
            var jumps: [Int] = []
            for node in nodes.dropLast() {
                let split = instructions.count
                try append(.split(0, 0))
                try compile(node)
                jumps.append(instructions.count)
                try append(.jump(0))
                instructions[split] = .split(split + 1, instructions.count)
            }
            if let last = nodes.last { try compile(last) }
            for jump in jumps { instructions[jump] = .jump(instructions.count) }
        case .repetition(let node, let least, let most):
            try compile(node, least: least, most: most)
        }
    }

    private mutating func compile(_ node: PatternNode, least: Int, most: Int?) throws(PatternError) {
        for _ in 0..<least { try compile(node) }
        guard let most else {
            let split = instructions.count
            try append(.split(0, 0))
            try compile(node)
            try append(.jump(split))
            instructions[split] = .split(split + 1, instructions.count)
            return
        }
        var splits: [Int] = []
        for _ in least..<max(least, most) {
            splits.append(instructions.count)
            try append(.split(0, 0))
            try compile(node)
        }
        for split in splits { instructions[split] = .split(split + 1, instructions.count) }
    }

    // MARK: Running it

    /// Whether the expression matches somewhere in `text`. Keeps no memory after the call.
    func matches(_ text: String.UnicodeScalarView) -> Bool {
        let count = instructions.count
        return withUnsafeTemporaryAllocation(of: Int32.self, capacity: 4 * count) { memory in
            memory.initialize(repeating: 0)
            func part(_ index: Int) -> UnsafeMutableBufferPointer<Int32> {
                UnsafeMutableBufferPointer(rebasing: memory[index * count..<(index + 1) * count])
            }
            return matches(text, States(reading: part(0), next: part(1), pending: part(2), entered: part(3)))
        }
    }

    /// Lists of instruction indices, each with the capacity of the program, and the step at which each was last
    /// entered.
    private struct States {
        /// The instructions that read the current scalar.
        let reading: UnsafeMutableBufferPointer<Int32>
        /// The instructions to enter at the next scalar.
        let next: UnsafeMutableBufferPointer<Int32>
        /// Entered in this step, but not executed yet.
        let pending: UnsafeMutableBufferPointer<Int32>
        /// For each instruction, the step (counted from 1) in which it was last entered.
        let entered: UnsafeMutableBufferPointer<Int32>
    }

    private func matches(_ text: String.UnicodeScalarView, _ states: States) -> Bool {
        var position = text.startIndex
        var step: Int32 = 0
        var nextCount = 0
        while true {
            let isStart = step == 0, isEnd = position == text.endIndex
            step += 1
            var pendingCount = 0, readingCount = 0
            func enter(_ index: Int) {
                guard states.entered[index] != step else { return }
                states.entered[index] = step
                states.pending[pendingCount] = Int32(truncatingIfNeeded: index)
                pendingCount += 1
            }
            for index in 0..<nextCount { enter(Int(states.next[index])) }
            // A match may begin here.
            enter(0)
            while pendingCount > 0 {
                pendingCount -= 1
                let index = Int(states.pending[pendingCount])
                switch instructions[index] {
                case .match: return true
                case .jump(let target): enter(target)
                case .split(let one, let other):
                    enter(one)
                    enter(other)
                case .start: if isStart { enter(index + 1) }
                case .end: if isEnd { enter(index + 1) }
                case .scalar, .any, .set:
                    states.reading[readingCount] = Int32(truncatingIfNeeded: index)
                    readingCount += 1
                }
            }
            guard !isEnd else { return false }
            let scalar = text[position].value
            text.formIndex(after: &position)
            nextCount = 0
            for place in 0..<readingCount {
                let index = Int(states.reading[place])
                let isRead =
                    switch instructions[index] {
                    case .scalar(let wanted): wanted == scalar
                    case .any: true
                    case .set(let set): sets[set].contains(scalar)
                    default: false
                    }
                guard isRead else { continue }
                states.next[nextCount] = Int32(truncatingIfNeeded: index + 1)
                nextCount += 1
            }
        }
    }
}
