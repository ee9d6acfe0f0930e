import RawJSON
import Support

/// Where an object's members stand in their document, by name. Of equal keys the last counts, as in `JSON.parse`.
struct JSONMembers {
    /// Up to so many are found by looking at each: that costs less than making and hashing a key of each.
    private static let fewest = 16

    /// Bytes of the longest name that becomes a `String` to compare.
    static let longestName = 1024

    private enum Index {
        /// The keys as they stand in the text, quotes included.
        case list([(key: Range<Int>, value: Range<Int>)])
        /// So that an object of many members costs no more for each.
        case table([ByteString: Range<Int>])
    }

    private let document: JSONReader.Document
    private let index: Index

    /// - Parameter start: of an object that has passed `JSONScanner`.
    init(of document: JSONReader.Document, from start: Int) {
        self.document = document
        index = document.text.withUnsafeBytes { text in
            var walker = JSONObjectWalker(text, from: start)
            var list: [(key: Range<Int>, value: Range<Int>)] = []
            list.reserveCapacity(Self.fewest)
            while case .member(let key, let value) = walker.next() { list.append((key, value)) }
            guard list.count > Self.fewest else { return .list(list) }
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

    /// Each name with its value, once.
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
