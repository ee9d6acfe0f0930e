/// The page of a running host, `index.html` beside this file, embedded in the binary.
///
/// A module of its own, because of the compile time: tens of thousands of array elements take their time, once.
public enum DemoPage {
    /// HTML in UTF-8.
    public static var html: [UInt8] { PackageResources.index_html }
}
