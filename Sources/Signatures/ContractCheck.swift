/// One check of a JSON text: a cursor over text that is known to be valid JSON, and what was found wrong.
///
/// Each function that reads a value returns the offset just past the value, also when it refuses the value, so that no
/// caller scans the value again. A refused value sets ``failure``; a record clears it when a later member has the same
/// key. Nothing is read beyond the end of the text, so bytes that are not JSON do no harm.
struct ContractCheck {
    let base: UnsafeRawPointer
    let end: Int
    let nodes: UnsafePointer<ContractNode>
    let fields: UnsafePointer<ContractField>
    let tables: UnsafePointer<UInt8>
    let nameBytes: UnsafeRawPointer
    let attachments: Int
    let binary: BinaryForm

    /// Whether ``failure`` is set.
    private(set) var hasFailed = false
    private(set) var failure: ContractFailure?

    /// Failures of members of the records around the cursor, which a later member with the same key may clear. The
    /// innermost record's are last.
    private var postponed: [(field: Int, failure: ContractFailure)] = []

    init(_ json: UnsafeRawBufferPointer, _ contract: Contract, attachments: Int, binary: BinaryForm) {
        // An empty text is never read.
        base = json.baseAddress ?? contract.nameBytes
        end = json.count
        nodes = contract.nodes
        fields = contract.fields
        tables = contract.tables
        nameBytes = contract.nameBytes
        self.attachments = attachments
        self.binary = binary
    }

    // MARK: Values

    /// Checks the value at `start`, which is not white space, against a node.
    mutating func value(_ index: Int, _ start: Int) -> Int {
        let node = nodes + index
        let first = peek(start)
        if first == UInt8(ascii: "n") {
            if !node.pointee.isOptional, node.pointee.kind != .json { fail(.kind, start, index) }
            return start &+ 4
        }
        switch node.pointee.kind {
        case .bool:
            if first == UInt8(ascii: "t") { return start &+ 4 }
            if first == UInt8(ascii: "f") { return start &+ 5 }
        case .i32, .i64, .u32, .u64:
            if isNumber(first) { return integer(node.pointee.kind, index, start) }
        case .f32, .f64:
            if isNumber(first) { return float(node.pointee.kind, index, start) }
        case .string:
            if first == UInt8(ascii: "\"") { return skipString(start &+ 1) }
        case .cstring:
            if first == UInt8(ascii: "\"") { return terminatedString(index, start) }
        case .bytes:
            switch binary {
            case .attachment: if first == UInt8(ascii: "{") { return placeholder(index, start) }
            case .base64: if first == UInt8(ascii: "\"") { return base64(index, start) }
            }
        case .json:
            return skipValue(start)
        case .array:
            if first == UInt8(ascii: "[") { return array(index, start) }
        case .record:
            if first == UInt8(ascii: "{") { return record(index, start) }
        }
        fail(.kind, start, index)
        return skipValue(start)
    }

    private mutating func array(_ index: Int, _ start: Int) -> Int {
        let element = Int(nodes[index].first)
        var at = skipSpace(start &+ 1)
        if peek(at) == UInt8(ascii: "]") { return at &+ 1 }
        var count = 0
        while true {
            at = value(element, at)
            if hasFailed {
                failure?.path.append(.element(count))
                return skipContainer(at, depth: 1)
            }
            count &+= 1
            at = skipSpace(at)
            guard peek(at) == UInt8(ascii: ",") else { return at &+ 1 }
            at = skipSpace(at &+ 1)
        }
    }

    private mutating func record(_ index: Int, _ start: Int) -> Int {
        let node = nodes[index]
        /// One bit for each field that was there, the first one lowest.
        var seen: UInt64 = 0
        /// The field that probably comes next: clients write members in the declared order.
        var hint = 0
        /// Where this record's failures begin in `postponed`; -1 while there are none.
        var failures = -1
        var at = skipSpace(start &+ 1)
        if peek(at) == UInt8(ascii: "}") {
            at &+= 1
        } else {
            while true {
                let keyStart = at &+ 1
                let keyEnd = endOfPlain(keyStart)
                var field = -1
                if peek(keyEnd) == UInt8(ascii: "\"") {
                    field = find(node, keyStart, keyEnd, hint)
                    at = keyEnd &+ 1
                } else {
                    at = skipString(keyEnd)
                    field = find(node, escaped: at, from: keyStart &- 1)
                }
                // Past the colon.
                at = skipSpace(skipSpace(at) &+ 1)
                if field >= 0 {
                    at = value(Int(fields[Int(node.first) &+ field].node), at)
                    if hasFailed {
                        failures = postpone(field, Int(node.first) &+ field, failures)
                    } else if failures >= 0 {
                        withdraw(field, failures)
                    }
                    seen |= 1 &<< UInt64(truncatingIfNeeded: field)
                    hint = field &+ 1
                } else {
                    if !node.isOpen {
                        fail(.unknownMember, keyStart &- 1, index)
                        failures = postpone(-1, -1, failures)
                    }
                    at = skipValue(at)
                }
                at = skipSpace(at)
                guard peek(at) == UInt8(ascii: ",") else { break }
                at = skipSpace(at &+ 1)
            }
            at &+= 1
        }
        if failures >= 0 { report(failures) }
        if node.required & ~seen != 0, !hasFailed {
            let missing = (node.required & ~seen).trailingZeroBitCount
            fail(.missing(field: Int(node.first) &+ missing), start, index)
        }
        return at
    }

    // MARK: Failures

    @inline(never)
    mutating func fail(_ problem: ContractFailure.Problem, _ offset: Int, _ node: Int) {
        failure = ContractFailure(problem: problem, offset: offset, node: node)
        hasFailed = true
    }

    /// Moves ``failure`` to ``postponed``, and returns where the record's failures begin there.
    ///
    /// - Parameters:
    ///   - field: the field's index in the record; -1 for an unknown member, of which the first one is kept.
    ///   - step: the field's index in all fields; -1 for an unknown member, which is no step of the path.
    @inline(never)
    private mutating func postpone(_ field: Int, _ step: Int, _ start: Int) -> Int {
        guard var failure else { return start }
        if step >= 0 { failure.path.append(.member(field: step)) }
        self.failure = nil
        hasFailed = false
        let start = start < 0 ? postponed.count : start
        if let known = postponed[start...].firstIndex(where: { $0.field == field }) {
            if field >= 0 { postponed[known].failure = failure }
        } else {
            postponed.append((field, failure))
        }
        return start
    }

    /// Removes the failure of a field, because a later member with the same key is right.
    @inline(never)
    private mutating func withdraw(_ field: Int, _ start: Int) {
        if let known = postponed[start...].firstIndex(where: { $0.field == field }) { postponed.remove(at: known) }
    }

    /// Makes the first of a record's failures the ``failure``, if any are left.
    @inline(never)
    private mutating func report(_ start: Int) {
        guard start < postponed.count else { return }
        failure = postponed[start].failure
        hasFailed = true
        postponed.removeSubrange(start...)
    }
}
