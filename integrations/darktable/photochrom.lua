--[[
Colour photographs in darktable: a target of the export module.

Copy this file into ~/.config/darktable/lua/, and write  require "photochrom"  into
~/.config/darktable/luarc. Needs the command photochrom (pip install photochrom); its path, the
model and the vividness are in the preferences, under Lua options.

What darktable has developed is exported, coloured, put beside the photograph as
NAME.color.EXT, and imported into the library.
]]

local dt = require "darktable"

local STORAGE = "photochrom"

dt.preferences.register(STORAGE, "program", "string", "photochrom: program",
  "the command, or its path", "photochrom")
dt.preferences.register(STORAGE, "model", "string", "photochrom: model",
  "a name of photochrom models", "photochrom-base")
dt.preferences.register(STORAGE, "vividness", "float", "photochrom: vividness",
  "0 is grey, 1 as the model means it", 1.0, 0.0, 3.0, 0.1)

local M = {}

-- One argument of a command line, as the system's shell takes it.
function M.quote(text, windows)
  if windows then
    return '"' .. text:gsub('"', '""') .. '"'
  end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- The name of a result beside the photograph, which no file has yet.
function M.free_name(folder, exported, exists)
  local stem, ending = exported:match("([^/\\]+)%.([^.]+)$")
  local base = folder .. "/" .. stem .. ".color"
  local name, number = base .. "." .. ending, 1
  while exists(name) do
    number = number + 1
    name = base .. "." .. number .. "." .. ending
  end
  return name
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

-- The command that colours one exported file.
function M.command(source, target)
  local windows = package.config:sub(1, 1) == "\\"
  local function quote(text) return M.quote(text, windows) end
  -- Lua writes a number in the system's language; programs read a point.
  local vividness = string.format("%.2f", dt.preferences.read(STORAGE, "vividness", "float"))
  return quote(dt.preferences.read(STORAGE, "program", "string"))
    .. " -q image " .. quote(source) .. " -o " .. quote(target)
    .. " --model " .. quote(dt.preferences.read(STORAGE, "model", "string"))
    .. " --vividness " .. vividness:gsub(",", ".") .. " --force"
end

-- Called by darktable for each photograph, once it is exported.
function M.store(_, image, _, filename, number, total)
  dt.print("photochrom: exported " .. number .. " of " .. total .. ": " .. image.filename)
end

-- Called by darktable once all are exported: colour, and import.
function M.finalize(_, exported)
  local failures = 0
  for image, source in pairs(exported) do
    local target = M.free_name(image.path, source, exists)
    local done = os.execute(M.command(source, target))
    os.remove(source)
    -- Lua 5.1 to 5.3 of older builds gives the exit code, later ones true.
    if (done == true or done == 0) and exists(target) then
      dt.database.import(target)
    else
      failures = failures + 1
      dt.print_error("photochrom could not colour " .. image.filename)
    end
  end
  if failures > 0 then
    dt.print("photochrom: " .. failures .. " failed; start darktable from a terminal to see why")
  else
    dt.print("photochrom: done")
  end
  return failures
end

dt.register_storage(STORAGE, "photochrom: colour", M.store, M.finalize)

return M
