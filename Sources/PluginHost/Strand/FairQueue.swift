/// The waiting records of a crowded strand, in a fair order: the users take turns, and so do the sockets of each user.
/// Records of one socket stay in order.
///
/// The plugin's own records (posts, timers, answers without a socket) have a separate line. It gets every second turn
/// while clients wait, and an own record also precedes any client record that arrived after it: so an own record never
/// waits longer than in the order of arrival.
///
/// Not thread-safe. The caller that pops a record must free it with ``free(_:)``.
final class FairQueue {
    /// Header of a record's memory block; the record follows it.
    private struct Node {
        var next: UnsafeMutablePointer<Node>?
        /// The neighbours in the order of arrival.
        var older: UnsafeMutablePointer<Node>?
        var newer: UnsafeMutablePointer<Node>?
        /// When it began to wait, in nanoseconds of the caller's clock.
        var since: Int64
        /// Position in the order of arrival.
        var number: UInt64
    }

    /// The records of one socket, oldest first.
    private final class Line {
        let key: UInt64
        var first: UnsafeMutablePointer<Node>?
        var last: UnsafeMutablePointer<Node>?

        init(_ key: UInt64) {
            self.key = key
        }

        func append(_ node: UnsafeMutablePointer<Node>) {
            if let last { last.pointee.next = node } else { first = node }
            last = node
        }

        func popFirst() -> UnsafeMutablePointer<Node>? {
            guard let node = first else { return nil }
            first = node.pointee.next
            if first == nil { last = nil }
            return node
        }
    }

    /// The sockets of one user that have records waiting.
    private final class User {
        let key: UInt64
        var lines: [UInt64: Line] = [:]
        var rotation = Ring<Line>()

        init(_ key: UInt64) {
            self.key = key
        }
    }

    /// First in, first out: an array that is compacted when half of it has been removed.
    private struct Ring<Element> {
        private var elements: [Element] = []
        private var start = 0

        var first: Element? { start < elements.count ? elements[start] : nil }

        mutating func append(_ element: Element) { elements.append(element) }

        mutating func removeFirst() {
            start += 1
            guard start * 2 >= elements.count else { return }
            elements.removeFirst(start)
            start = 0
        }
    }

    private var users: [UInt64: User] = [:]
    private var rotation = Ring<User>()
    private let own = Line(0)
    private var isOwnNext = false
    private var lastNumber: UInt64 = 0
    private(set) var count = 0
    /// The ends of the order of arrival.
    private var oldestNode: UnsafeMutablePointer<Node>?
    private var newestNode: UnsafeMutablePointer<Node>?

    /// When the record that has waited longest began to wait; `nil` if none waits.
    var oldest: Int64? { oldestNode?.pointee.since }

    var isEmpty: Bool { count == 0 }

    /// Copies a record to the end of its sender's line.
    ///
    /// - Parameters:
    ///   - sender: `nil` for the plugin itself.
    ///   - since: when it began to wait.
    func append(_ record: UnsafeRawPointer, size: Int, of sender: Sender?, since: Int64 = 0) {
        let block = UnsafeMutableRawPointer.allocate(byteCount: Self.headSize + size, alignment: 16)
        lastNumber += 1
        let node = block.bindMemory(to: Node.self, capacity: 1)
        node.initialize(to: Node(next: nil, older: newestNode, newer: nil, since: since, number: lastNumber))
        if let newestNode { newestNode.pointee.newer = node } else { oldestNode = node }
        newestNode = node
        (block + Self.headSize).copyMemory(from: record, byteCount: size)
        count += 1
        guard let sender else { return own.append(node) }
        let user: User
        if let known = users[sender.user] {
            user = known
        } else {
            user = User(sender.user)
            users[sender.user] = user
            rotation.append(user)
        }
        let line: Line
        if let known = user.lines[sender.socket] {
            line = known
        } else {
            line = Line(sender.socket)
            user.lines[sender.socket] = line
            user.rotation.append(line)
        }
        line.append(node)
    }

    /// Removes the next record.
    func popFirst() -> UnsafeMutableRawPointer? {
        guard let node = nextNode() else { return nil }
        count -= 1
        if let older = node.pointee.older {
            older.pointee.newer = node.pointee.newer
        } else {
            oldestNode = node.pointee.newer
        }
        if let newer = node.pointee.newer {
            newer.pointee.older = node.pointee.older
        } else {
            newestNode = node.pointee.older
        }
        return UnsafeMutableRawPointer(node) + Self.headSize
    }

    /// Frees a record that ``popFirst()`` returned.
    static func free(_ record: UnsafeMutableRawPointer) { (record - headSize).deallocate() }

    /// Of ``Node``; the record behind it is aligned to 16 bytes.
    private static let headSize = 48

    private func nextNode() -> UnsafeMutablePointer<Node>? {
        guard let user = rotation.first, let line = user.rotation.first, let candidate = line.first else {
            return own.popFirst()
        }
        if let mine = own.first, isOwnNext || mine.pointee.number < candidate.pointee.number {
            isOwnNext = false
            return own.popFirst()
        }
        isOwnNext = true
        // A user or socket with more records goes to the end of its rotation.
        user.rotation.removeFirst()
        rotation.removeFirst()
        let node = line.popFirst()
        if line.first == nil { user.lines[line.key] = nil } else { user.rotation.append(line) }
        if user.lines.isEmpty { users[user.key] = nil } else { rotation.append(user) }
        return node
    }
}
