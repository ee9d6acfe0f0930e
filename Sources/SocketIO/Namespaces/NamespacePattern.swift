import Support

/// A namespace pattern: a POSIX extended regular expression, matched in a time that is bounded by its
/// size and that of the name.
///
/// The matcher is ours because the C library's is not bounded: it follows references back to groups by trial
/// (`^/(a*)(a*)(a*)\1\2\3b$` took more than 300 s for one name of 256 bytes), and keeps every state that any name ever
/// led to (87 MB, and pauses of 58 ms, for `^/.*a.{14}$`). Names come from anybody who can connect. Here a name costs
/// at most ``PatternProgram/longest`` steps for each of its characters and no memory, whatever the pattern.
///
/// What is matched are Unicode scalars, not bytes, so `.` stands for one character of any script. Classes such as
/// `[:alpha:]` hold ASCII, as in the C locale. References back, collating elements and the escapes that only GNU knows
/// (`\w`, `\<`) are refused.
struct NamespacePattern: Sendable {
    private let program: PatternProgram

    /// - Throws: ``NamespaceTableError/malformedPattern(_:reason:)``, which says where and why.
    init(_ expression: ByteString) throws(NamespaceTableError) {
        do throws(PatternError) {
            var parser = PatternParser(expression)
            program = try PatternProgram(try parser.parse())
        } catch {
            throw .malformedPattern(expression, reason: error.reason)
        }
    }

    /// Whether the pattern matches `name` anywhere; `^` and `$` are its ends.
    func matches(_ name: ByteString) -> Bool {
        program.matches(name.text.unicodeScalars)
    }
}

/// What is wrong with a pattern, in words for whoever wrote it.
struct PatternError: Error {
    let reason: String
}

/// A regular expression as a machine that is in many states at once (Thompson 1968): a text is read once, and every
/// state is entered at most once for each of its characters.
struct PatternProgram: Sendable {
    /// Instructions of the longest program. With names of 256 characters: some 250,000 steps, less than a millisecond.
    static let longest = 1000

    private enum Instruction {
        /// Go on with the next instruction if the scalar is this one.
        case scalar(UInt32)
        case any
        /// Index into ``sets``.
        case set(Int)
        /// Go on with the next instruction without reading, if this is the beginning, or the end.
        case start
        case end
        case jump(Int)
        /// Both are tried.
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

    /// Whether the expression matches somewhere in `text`. Keeps no memory.
    func matches(_ text: String.UnicodeScalarView) -> Bool {
        let count = instructions.count
        return withUnsafeTemporaryAllocation(of: Int32.self, capacity: 4 * count) { room in
            room.initialize(repeating: 0)
            func part(_ index: Int) -> UnsafeMutableBufferPointer<Int32> {
                UnsafeMutableBufferPointer(rebasing: room[index * count..<(index + 1) * count])
            }
            return matches(text, States(reading: part(0), led: part(1), pending: part(2), entered: part(3)))
        }
    }

    /// Lists of instructions, as long as the program each, and when each instruction was entered.
    private struct States {
        /// Those that read the scalar at hand.
        let reading: UnsafeMutableBufferPointer<Int32>
        /// Where the scalar before led.
        let led: UnsafeMutableBufferPointer<Int32>
        /// Entered in this step, and not looked at yet.
        let pending: UnsafeMutableBufferPointer<Int32>
        /// The step, counted from 1, in which an instruction was last entered.
        let entered: UnsafeMutableBufferPointer<Int32>
    }

    private func matches(_ text: String.UnicodeScalarView, _ states: States) -> Bool {
        var position = text.startIndex
        var step: Int32 = 0
        var ledCount = 0
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
            for index in 0..<ledCount { enter(Int(states.led[index])) }
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
            ledCount = 0
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
                states.led[ledCount] = Int32(truncatingIfNeeded: index + 1)
                ledCount += 1
            }
        }
    }
}
