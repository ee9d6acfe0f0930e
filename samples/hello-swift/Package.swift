// swift-tools-version: 6.2
// swift build -c release && jackfield serve --plugin .build/release/libhello-swift.so
import PackageDescription

let package = Package(
    name: "hello-swift",
    products: [.library(name: "hello-swift", type: .dynamic, targets: ["HelloSwift"])],
    // Outside this repository: .package(url: "…/jackfield", from: "…")
    dependencies: [.package(name: "jackfield", path: "../..")],
    targets: [
        .target(name: "HelloSwift", dependencies: [.product(name: "JackfieldPlugin", package: "jackfield")], path: "Sources")
    ]
)
