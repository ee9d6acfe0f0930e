import RawJSON

extension JSONObjectWalker {
    /// Calls `body` with the raw key and value of each member of the one object that `document` must be.
    ///
    /// - Returns: whether it is. If not, `body` may have seen some members all the same.
    static func forEachMember(
        of document: UnsafeRawBufferPointer, _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
    ) -> Bool {
        var walker = JSONObjectWalker(document)
        while true {
            switch walker.next() {
            case .member(let key, let value):
                body(UnsafeRawBufferPointer(rebasing: document[key]), UnsafeRawBufferPointer(rebasing: document[value]))
            case .end(let end): return JSONScanner.skipWhitespace(in: document, from: end) == document.count
            case .malformed: return false
            }
        }
    }
}
