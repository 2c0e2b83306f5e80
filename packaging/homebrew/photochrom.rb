# brew install --HEAD ./packaging/homebrew/photochrom.rb: the lean package, from the sources of today.
class Photochrom < Formula
  desc "Black-and-white photographs and films in colour, on your own machine"
  homepage "https://github.com/photochrom/photochrom"
  license "Apache-2.0"
  head "https://github.com/photochrom/photochrom.git", branch: "main"

  depends_on "python@3.13"

  def install
    system "python3.13", "-m", "venv", libexec
    system libexec/"bin/pip", "install", buildpath
    bin.install_symlink libexec/"bin/photochrom"
  end

  test do
    assert_match "photochrom-base", shell_output("#{bin}/photochrom models")
  end
end
