/// Names and values that the host lends: headers, query parameters, parts of a path.
struct Pairs {
    private let all: UnsafeBufferPointer<jf_pair>

    init(_ first: UnsafePointer<jf_pair>?, _ count: UInt32) { all = UnsafeBufferPointer(start: first, count: Int(count)) }

    /// The value beside the name, letter for letter; the first of that name.
    func value(of name: String) -> String? { first { $0.len == name.utf8.count && UnsafeRawBufferPointer($0).elementsEqual(name.utf8) } }

    /// A header's value. Their names have no case, and the host gives them in lower case.
    func header(_ name: String) -> String? {
        first { $0.len == name.utf8.count && UnsafeRawBufferPointer($0).elementsEqual(name.utf8.lazy.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }) }
    }

    /// Copies of them all, in the order sent.
    var copies: [(name: String, value: String)] { all.map { (String($0.name), String($0.value)) } }

    private func first(where fits: (jf_text) -> Bool) -> String? { all.first { fits($0.name) }.map { String($0.value) } }
}
