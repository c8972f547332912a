// SPDX-License-Identifier: MIT
#include "worker/experts/tokenizer_pre.h"

#include <stddef.h>
#include <string.h>

// Blanks as Unicode's White_Space has them, inside of brackets: PCRE2's \s has
// one character more.
#define WS       "\\p{Z}\\t-\\r\\x85"
#define BLANK    "[" WS "]"
#define NO_BLANK "[^" WS "]"

// Words, numbers and other runs, each with the blank before it.
#define GPT2                                                                                   \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" WS "\\p{L}\\p{N}]+|" BLANK              \
    "+(?!" NO_BLANK ")|" BLANK "+"
#define SHORTENED "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
// Behind words and numbers: other runs, line ends, blanks.
#define OTHERS(lines)                                                                          \
    "| ?[^" WS "\\p{L}\\p{N}]+" lines "|" BLANK "*[\\r\\n]+|" BLANK "+(?!" NO_BLANK ")|" BLANK \
    "+"
#define WORD           "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define CL100K(digits) SHORTENED "|" WORD "|" digits OTHERS("[\\r\\n]*")
#define QWEN2          CL100K("\\p{N}")
#define LLAMA3         CL100K("\\p{N}{1,3}")
// Letters but the small ones, but the capitals, of ASCII.
#define NOT_SMALL   "[^\\P{L}a-z]"
#define NOT_CAPITAL "[^\\P{L}A-Z]"
#define CASED(tail)                                                                            \
    "[^\\r\\n\\p{L}\\p{N}]?" NOT_SMALL "*" NOT_CAPITAL "+" tail                                \
    "|[^\\r\\n\\p{L}\\p{N}]?" NOT_SMALL "+" NOT_CAPITAL "*" tail
// Ideographs; from U+0800 on as these models were trained, whatever was meant.
#define IDEOGRAPHS       "[\\x{4E00}-\\x{9FA5}\\x{800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+"
#define CHINESE_JAPANESE "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+"
#define MARKED_WORDS                                                                           \
    "[!-/:-@\\[-`{-~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+"  \
    "[\\r\\n]*|" BLANK "*[\\r\\n]+|" BLANK "+(?!" NO_BLANK ")|" BLANK "+"
#define SENTENCE                                                                               \
    " ?[^(" WS "|.,!?\\x{2026}\\x{3002}\\x{FF0C}\\x{3001}\\x{964}\\x{6D4}\\x{60C})]+"

// The letters that had a case when deepseek's first tokenizer was made.
#define HAD_CASE                                                                               \
    "A-Za-z\\x{B5}\\x{C0}-\\x{D6}\\x{D8}-\\x{F6}\\x{F8}-\\x{1BA}\\x{1BC}-\\x{1BF}"             \
    "\\x{1C4}-\\x{293}\\x{295}-\\x{2AF}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37B}-\\x{37D}"     \
    "\\x{37F}\\x{386}\\x{388}-\\x{38A}\\x{38C}\\x{38E}-\\x{3A1}\\x{3A3}-\\x{3F5}"              \
    "\\x{3F7}-\\x{481}\\x{48A}-\\x{52F}\\x{531}-\\x{556}\\x{10A0}-\\x{10C5}"                   \
    "\\x{13A0}-\\x{13F5}\\x{13F8}-\\x{13FD}\\x{1C90}-\\x{1CBA}\\x{1CBD}-\\x{1CBF}"             \
    "\\x{1D00}-\\x{1D2B}\\x{1D6B}-\\x{1D77}\\x{1D79}-\\x{1D9A}\\x{1E00}-\\x{1F15}"             \
    "\\x{1F18}-\\x{1F1D}\\x{1F20}-\\x{1F45}\\x{1F48}-\\x{1F4D}\\x{1F50}-\\x{1F57}"             \
    "\\x{1F59}\\x{1F5B}\\x{1F5D}\\x{1F5F}-\\x{1F7D}\\x{1F80}-\\x{1FB4}\\x{1FB6}-\\x{1FBC}"     \
    "\\x{1FBE}\\x{1FC2}-\\x{1FC4}\\x{1FC6}-\\x{1FCC}\\x{1FD0}-\\x{1FD3}\\x{1FD6}-\\x{1FDB}"    \
    "\\x{1FE0}-\\x{1FEC}\\x{1FF2}-\\x{1FF4}\\x{1FF6}-\\x{1FFC}\\x{2102}\\x{2107}"              \
    "\\x{210A}-\\x{2113}\\x{2115}\\x{2119}-\\x{211D}\\x{2124}\\x{2126}\\x{2128}\\x{212A}-\\x{" \
    "212D}"                                                                                    \
    "\\x{212F}-\\x{2134}\\x{2139}\\x{213C}-\\x{213F}\\x{2145}-\\x{2149}\\x{214E}\\x{2183}"     \
    "\\x{2184}\\x{2C00}-\\x{2C7B}\\x{2C7E}-\\x{2CE4}\\x{2CEB}-\\x{2CEE}\\x{2CF2}\\x{2CF3}"     \
    "\\x{A640}-\\x{A66D}\\x{A680}-\\x{A69B}\\x{A722}-\\x{A76F}\\x{A771}-\\x{A787}"             \
    "\\x{A78B}-\\x{A78E}\\x{AB70}-\\x{ABBF}\\x{FB00}-\\x{FB06}\\x{FB13}-\\x{FB17}"             \
    "\\x{FF21}-\\x{FF3A}\\x{FF41}-\\x{FF5A}\\x{10400}-\\x{1044F}\\x{104B0}-\\x{104D3}"         \
    "\\x{104D8}-\\x{104FB}\\x{10C80}-\\x{10CB2}\\x{10CC0}-\\x{10CF2}\\x{118A0}-\\x{118DF}"

static const struct tokenizer_pre table[] = {
    {.names = "default",
     .expressions = {"[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
    {.names = "gpt-2 gpt2 phi-2 olmo mpt jais exaone4 trillion granite-docling gigachat mellum "
              "a.x-4.0 jina-es jina-de jina-v2-es jina-v2-de modern-bert",
     .expressions = {GPT2}},
    {.names = "qwen2 deepseek-r1-qwen stablelm2 hunyuan solar-open megrez kormo f2llmv2 grok-2",
     .expressions = {QWEN2}},
    {.names = "qwen35",
     .expressions = {SHORTENED "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^" WS
                               "\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" BLANK "*[\\r\\n]+|" BLANK
                               "+(?!" NO_BLANK ")|" BLANK "+"}},
    {.names = "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2",
     .expressions = {LLAMA3},
     .whole_words = true,
     .add_bos = true},
    {.names = "dbrx smaug-bpe chatglm-bpe glm4", .expressions = {LLAMA3}},
    {.names = "deepseek-llm",
     .expressions = {"[\\r\\n]", BLANK "?[" HAD_CASE "]+",
                     BLANK "?[!-/:-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}"
                           "\\x{2018}-\\x{201F}\\x{3001}\\x{3002}]+",
                     BLANK "+$", IDEOGRAPHS, "\\p{N}+"}},
    {.names = "deepseek-coder",
     .expressions = {"[\\r\\n]", BLANK "?\\p{L}+", BLANK "?\\p{P}+", IDEOGRAPHS, "\\p{N}"}},
    {.names = "deepseek-v3 hunyuan-dense joyai-llm",
     .expressions = {"\\p{N}{1,3}", CHINESE_JAPANESE, MARKED_WORDS}},
    {.names = "falcon", .expressions = {"[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"}},
    {.names = "starcoder refact command-r smollm codeshell exaone minerva-7b mellum2",
     .expressions = {"\\p{N}", GPT2}},
    {.names = "tekken",
     .expressions = {CASED("") "|\\p{N}" OTHERS("[\\r\\n/]*")},
     .whole_words = true,
     .add_bos = true},
    {.names = "gpt-4o llama4 kanana2 minimax-m2",
     .expressions = {CASED("(?:" SHORTENED ")?") "|\\p{N}{1,3}" OTHERS("[\\r\\n/]*")}},
    {.names = "bloom gpt3-finnish poro-chat", .expressions = {SENTENCE}},
    {.names = "viking", .expressions = {SENTENCE, "\\p{N}"}},
    {.names = "bailingmoe bailingmoe2 llada-moe",
     .expressions = {SHORTENED "|" WORD "|\\p{N}| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n]*|" BLANK
                               "*[\\r\\n]|" BLANK "+(?!" NO_BLANK ")|" BLANK "+"}},
    {.names = "seed-coder",
     .expressions = {SHORTENED "|" WORD "|\\p{N}| ?[^" WS "\\p{L}\\p{N}\\r\\n]+|" BLANK
                               "*[\\r\\n]+|" BLANK "+(?!" NO_BLANK ")|" BLANK "+"}},
};

static bool listed(const char *names, const char *name)
{
    size_t n = strlen(name);
    if (!n || strchr(name, ' '))
        return false;
    for (const char *p = names; (p = strstr(p, name)); p += n)
        if ((p == names || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
            return true;
    return false;
}

const struct tokenizer_pre *tokenizer_pre_find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (listed(table[i].names, name))
            return &table[i];
    return NULL;
}
