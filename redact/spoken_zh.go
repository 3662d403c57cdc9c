package redact

// Chinese; simplified and traditional, everyday and banker's numerals, and
// the radio digits 幺 拐 洞 勾.
const spokenChinese = `
digit 0 零 〇 ○ 洞
digit 1 一 幺 壹 妖
digit 2 二 两 兩 贰 貳
digit 3 三 叁 參 叄
digit 4 四 肆
digit 5 五 伍
digit 6 六 陆 陸
digit 7 七 柒 拐
digit 8 八 捌
digit 9 九 玖 勾
ten 十 拾
hundred 百 佰
thousand 千 仟
big 万 萬 亿 億
times 个 個
point 点 點
mark @ 艾特 圈a 小老鼠 at
mark . 点 點
mark - 杠 横杠 减号 橫槓 中划线
mark _ 下划线 底线 下劃線
mark / 斜杠 斜線
mark : 冒号
mark + 加号 加
filler 嗯 呃 额 啊 哦 那个 那個 这个 然后 然後 然后是 接着 再 再来 后面 后面是 好 好的 对 對 是的 嗯嗯 请继续 继续 可以 明白 收到 接下来 接下来是 最后 最后是 行 吧 呢 就是 空格 还有
repair 不 不对 不對 不是 错了 錯了 抱歉 对不起 對不起 等一下 等等 说错了 說錯了 我是说 应该是 應該是 更正 而不是 改成 更正一下
meta 号码 数字 最后一位 第一 前面 前面是 是 我的 的 尾号 开头 结尾 那 我 它 这 了 有 号 和
stop 是 我 的 你 您 他 她 邮箱 邮件 地址 电子 发 到 给 请 在 和 电邮 郵箱
prep 在 从 到 约 大概 前 后 第 共
unit 元 块 塊 毛 角 分 美元 欧元 人民币 岁 歲 年 月 日 天 点钟 小时 分钟 秒 周 个月 张 張 条 次 号 號 位 人 件 家 名 些 样 下 起 直 定 般 共 切 号线 楼 本 份 种 步 口 笔 筆 成 折 倍 度 百分 些 边 路 半 同 致 旦 向 会儿
month 月份
like 的
ask pan 卡号 卡號 银行卡号 信用卡号 信用卡 银行卡 銀行卡 借记卡 卡片号码 十六位
ask cvv cvv cvc 安全码 安全碼 背面三位 后三位 背面的三位 验证码三位 卡背面 三位数
ask pin 密码 密碼 交易密码 取款密码 pin
ask expiry 有效期 到期日 到期 有效日期 截止日期 过期
ask secret 验证码 驗證碼 动态码 短信码 校验码 动态密码 一次性密码 短信验证码
ask phone 手机号 手機號 电话 電話 手机 手機 联系方式 电话号码 座机 号码是多少
ask bank_account 账号 帳號 账户 帳戶 户口
ask national_id 身份证 身份證 身份证号
ask postcode 邮编 郵編 邮政编码
ask dob 出生日期 生日 出生
ask email 邮箱 郵箱 电子邮件 电邮 邮件地址
ask passport 护照 護照
ask driver_licence 驾照 駕照 驾驶证
ask tax_id 税号
ask vehicle 车牌
name 全名 姓名 贵姓 名字 叫什么 怎么称呼 尊姓大名
`
