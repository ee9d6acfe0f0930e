import RawJSON
import Support

/// The ranges of an object's members in their document, by name. Of equal keys the last one counts, as in `JSON.parse`.
struct JSONMembers {
    /// Up to this number of members, a linear search costs less than making and hashing a key of each.
    private static let linearSearchLimit = 16

    /// The length in bytes of the longest name that becomes a `String`: comparing `String`s may cost more than their
    /// length.
    static let longestName = 1024

    private enum Index {
        /// Few members. The range of a key includes its quotes.
        case list([(key: Range<Int>, value: Range<Int>)])
        /// Many members, so that a lookup takes constant time.
        case table([ByteString: Range<Int>])
    }

    private let document: JSONReader.Document
    private let index: Index

    /// - Parameter start: the offset of an object in a text that has passed `JSONScanner`.
    init(of document: JSONReader.Document, from start: Int) {
        self.document = document
        index = document.text.withUnsafeBytes { text in
            var walker = JSONObjectWalker(text, from: start)
            var list: [(key: Range<Int>, value: Range<Int>)] = []
            list.reserveCapacity(Self.linearSearchLimit)
            while case .member(let key, let value) = walker.next() { list.append((key, value)) }
            guard list.count > Self.linearSearchLimit else { return .list(list) }
            var table: [ByteString: Range<Int>] = [:]
            for (key, value) in list {
                if let name = JSONText.byteString(UnsafeRawBufferPointer(rebasing: text[key])) { table[name] = value }
            }
            return .table(table)
        }
    }

    subscript(name: String) -> Range<Int>? {
        let name = ByteString(name)
        switch index {
        case .table(let table): return table[name]
        case .list(let list):
            return name.withBytes { name in
                document.text.withUnsafeBytes { text in
                    list.last { JSONText.isEqual(UnsafeRawBufferPointer(rebasing: text[$0.key]), to: name) }?.value
                }
            }
        }
    }

    /// Each name once, with the range of its value.
    var all: [ByteString: Range<Int>] {
        switch index {
        case .table(let table): return table
        case .list(let list):
            return document.text.withUnsafeBytes { text in
                var all: [ByteString: Range<Int>] = [:]
                for (key, value) in list {
                    if let name = JSONText.byteString(UnsafeRawBufferPointer(rebasing: text[key])) { all[name] = value }
                }
                return all
            }
        }
    }

    /// Each name once.
    var names: some Sequence<ByteString> {
        switch index {
        case .table(let table): return Set(table.keys)
        case .list(let list):
            return document.text.withUnsafeBytes { text in
                Set(list.compactMap { JSONText.byteString(UnsafeRawBufferPointer(rebasing: text[$0.key])) })
            }
        }
    }
}
